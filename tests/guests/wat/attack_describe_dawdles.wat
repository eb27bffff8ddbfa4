;; When it is asked what it does, it asks for no more memory, again and again: little fuel, much time.
(module
  ;; @memory
  ;; @realloc
  (func (export "describe") (result i32)
    (loop
      (drop (memory.grow (i32.const 0))) (drop (memory.grow (i32.const 0)))
      (drop (memory.grow (i32.const 0))) (drop (memory.grow (i32.const 0)))
      (drop (memory.grow (i32.const 0))) (drop (memory.grow (i32.const 0)))
      (drop (memory.grow (i32.const 0))) (drop (memory.grow (i32.const 0)))
      (br 0))
    (unreachable))
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
