;; Spins when it is asked what it does.
(module
  ;; @memory
  ;; @realloc
  (func (export "describe") (result i32) (loop (br 0)) (unreachable))
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
