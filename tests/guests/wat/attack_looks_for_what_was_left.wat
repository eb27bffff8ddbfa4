;; Takes four megabytes, looks through them for what anybody left there, and leaves something there itself.
(module
  ;; @gives "clean"
  (memory (export "memory") 64)
  ;; @describe
  ;; @realloc
  (func $look
    (local $at i32)
    (local.set $at (i32.const 0x10000))
    (loop
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (unreachable)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if 0 (i32.lt_u (local.get $at) (i32.const 0x400000))))
    (memory.fill (i32.const 0x10000) (i32.const 0xa5) (i32.const 0x3f0000)))
  (start $look))
