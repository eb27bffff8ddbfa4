;; Gives an output of a gigabyte that it does not have.
(module
  ;; @memory
  (data (i32.const 256) "\00\00\00\00\00\00\00\00\00\00\00\40")
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (i32.const 256)))
