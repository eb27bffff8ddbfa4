;; Hands the log a line of a gigabyte that it does not have.
(module
  (import "ringfence:log/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (call $write (i32.const 1) (i32.const 0) (i32.const 0x40000000))
    (unreachable)))
