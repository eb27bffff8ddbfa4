;; Describes its output by a schema that looks at each level twice, and gives forty levels.
(module
  ;; @output {"$ref":"#/$defs/a","$defs":{"a":{"type":"object","allOf":[{"properties":{"x":{"$ref":"#/$defs/a"}}},{"properties":{"x":{"$ref":"#/$defs/a"}}}]}}}
  ;; @gives {"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":1}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}
  ;; @memory
  ;; @describe
  ;; @realloc)
