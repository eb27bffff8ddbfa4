;; Has another skill tell it the number of a handle, and uses that number as if the handle were its own.
(module
  (import "ringfence:skills/skills@0.1.0" "run" (func $ask (param i32 i32 i32 i32 i32)))
  (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
  ;; @memory
  ;; @describe
  ;; @realloc
  (data (i32.const 128) "attack-skills-hands-down-a-handle")
  (data (i32.const 192) "{}")
  (data (i32.const 320) "\00\00\00\00\50\01\00\00\06\00\00\00")
  (data (i32.const 336) "\22mine\22")
  (func (export "run") (param i32 i32 i32 i32) (result i32)
    (local $at i32) (local $end i32) (local $number i32)
    (call $ask (i32.const 128) (i32.const 33) (i32.const 192) (i32.const 2) (i32.const 256))
    (if (i32.load8_u (i32.const 256)) (then (unreachable)))
    (local.set $at (i32.load (i32.const 260)))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 264))))
    (loop
      (local.set $number (i32.add
        (i32.mul (local.get $number) (i32.const 10))
        (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get $at) (local.get $end))))
    (call $block (local.get $number))
    (i32.const 320)))
