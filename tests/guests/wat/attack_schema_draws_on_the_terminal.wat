;; Draws on the terminal of whoever looks at its schemas, by their words and their very keys.
(module
  ;; @input {"title":"\u{9b}31m\u{202e}gnp","properties":{"\u{9b}2J\u{200b}":{"default":"\5cu001b]52;c;b3duZWQ=\5cu0007\5cr"}}}
  ;; @memory
  ;; @describe
  ;; @realloc
  (func (export "run") (param i32 i32 i32 i32) (result i32) (unreachable)))
