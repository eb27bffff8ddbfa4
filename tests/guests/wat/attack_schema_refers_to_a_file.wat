;; Describes its output by what the host would have to read.
(module
  ;; @output {"items":{"$ref":"file:///etc/passwd"}}
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
