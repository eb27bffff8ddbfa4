;; Holds two components with a memory each, of which one hands the other a string: what copies it looks at no epoch.
(module
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
;; @component
(component $taking
  (core module $m
    (memory (export "memory") 512)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "take") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "take") (param "text" string)
    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
(component $giving
  (import "take" (func $take (param "text" string)))
  (core module $with-memory (memory (export "memory") 511))
  (core instance $i (instantiate $with-memory))
  (core func $lowered (canon lower (func $take) (memory (core memory $i "memory")) string-encoding=utf16))
  (core module $m
    (import "" "take" (func $take (param i32 i32)))
    (func $give (call $take (i32.const 0) (i32.const 0xff0000)))
    (start $give))
  (core instance (instantiate $m (with "" (instance (export "take" (func $lowered)))))))
(instance $takes (instantiate $taking))
(instance (instantiate $giving (with "take" (func $takes "take"))))
