;; Takes one page of memory more, and one more, for ever.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (loop
      (drop (memory.grow (i32.const 1)))
      (br 0))
    (unreachable)))
