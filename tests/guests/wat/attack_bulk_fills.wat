;; Takes all the memory that it may have and fills it, as one instruction, again and again.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (drop (memory.grow (i32.const 1023)))
    (loop
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x4000000))
      (br 0))
    (unreachable)))
