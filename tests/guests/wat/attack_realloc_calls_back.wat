;; Calls the host from where the host calls it for room, deeper and deeper.
(module
  (import "ringfence:random/random@0.1.0" "bytes" (func $bytes (param i32 i32)))
  ;; @memory
  ;; @describe
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $bytes (i32.const 8) (i32.const 256))
    (i32.const 4096))
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
