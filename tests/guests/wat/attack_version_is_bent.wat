;; Gives its version in a spelling that other readers take for 1.1.0.
(module
  ;; @version v1.1
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
