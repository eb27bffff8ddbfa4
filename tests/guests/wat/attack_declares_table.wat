;; Declares a table of ten million elements.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (table 10000000 funcref)
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
