;; Describes its input by a schema that says two things under one key.
(module
  ;; @input {"type":"object","properties":{"name":{"type":"string","type":"integer"}}}
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
