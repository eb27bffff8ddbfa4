;; Describes itself in a text that is none.
(module
  ;; @description Harmless\c0\af
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
