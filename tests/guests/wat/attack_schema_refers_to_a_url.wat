;; Describes its input by what the host would have to fetch.
(module
  ;; @input {"properties":{"name":{"$ref":"http://127.0.0.1/schema.json"}}}
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
