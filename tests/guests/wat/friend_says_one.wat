;; Says "one".
(module
  ;; @gives "one"
  ;; @memory
  ;; @describe
  ;; @realloc)
