;; Declares all the memory that there can be.
(module
  (memory (export "memory") 65536)
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
