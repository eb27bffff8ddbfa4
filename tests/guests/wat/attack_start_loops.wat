;; Spins in its start function, before anybody calls it.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable))
  (func $start (loop (br 0)))
  (start $start))
