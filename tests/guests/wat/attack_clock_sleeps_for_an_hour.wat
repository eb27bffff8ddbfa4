;; Does nothing but sleep, in as little memory as a skill can have, so that many of it fit in.
(module
  (import "ringfence:clock/clock@0.1.0" "sleep" (func $sleep (param i64)))
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (call $sleep (i64.const 3600000000000))
    (unreachable)))
