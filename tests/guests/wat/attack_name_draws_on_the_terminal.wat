;; Calls itself by what clears a terminal, sets its title and clipboard, and poses as a line of the host.
(module
  ;; @name \1b[2J\1b]0;owned\07\1b]52;c;b3duZWQ=\07\u{9b}31m\u{202e}\0derror[R0001]: forged
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
