;; Hands the host a list of errands whose texts all lie in one place, so that it takes much less of the guest than of the host:
;; 1 for 800,000 errands with texts of one byte, 2 for 1,000 with texts of a megabyte, 3 for 800,000 with no text at all.
(module
  (import "ringfence:skills/skills@0.1.0" "run-many" (func $run_many (param i32 i32 i32)))
  ;; @input {}
  (memory (export "memory") 256)
  ;; @describe
  ;; @realloc
  (func (export "run") (param $input i32) (param i32 i32 i32) (result i32)
    (local $many i32) (local $length i32) (local $at i32) (local $end i32) (local $kind i32)
    (local.set $kind (i32.load8_u (local.get $input)))
    (local.set $many (i32.const 800000))
    (if (i32.eq (local.get $kind) (i32.const 0x31)) (then (local.set $length (i32.const 1))))
    (if (i32.eq (local.get $kind) (i32.const 0x32))
      (then (local.set $many (i32.const 1000)) (local.set $length (i32.const 0x100000))))
    (local.set $at (i32.const 0x20000))
    (local.set $end (i32.add (local.get $at) (i32.mul (local.get $many) (i32.const 16))))
    ;; The texts lie in the last megabyte, of zeros.
    (loop
      (i32.store (local.get $at) (i32.const 0xf00000))
      (i32.store offset=4 (local.get $at) (local.get $length))
      (i32.store offset=8 (local.get $at) (i32.const 0xf00000))
      (i32.store offset=12 (local.get $at) (local.get $length))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if 0 (i32.lt_u (local.get $at) (local.get $end))))
    (call $run_many (i32.const 0x20000) (local.get $many) (i32.const 256))
    (unreachable)))
