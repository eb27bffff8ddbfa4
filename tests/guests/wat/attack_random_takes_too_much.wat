;; Asks the capability for more random bytes than are given at once.
(module
  (import "ringfence:random/random@0.1.0" "bytes" (func $bytes (param i32 i32)))
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (call $bytes (i32.const 65537) (i32.const 256))
    (unreachable)))
