;; Describes its input by a reference to a reference to the first.
(module
  ;; @input {"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
