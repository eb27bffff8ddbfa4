;; Calls itself by a name that looks like another's: its last letter is Cyrillic.
(module
  ;; @name hell\u{43e}
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
