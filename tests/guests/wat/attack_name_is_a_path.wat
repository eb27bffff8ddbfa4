;; Calls itself by a path, out of wherever names are kept.
(module
  ;; @name ../../hello
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
