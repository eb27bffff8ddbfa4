;; Is called by a word that orders use.
(module
  ;; @name all
  ;; @gives "one"
  ;; @memory
  ;; @describe
  ;; @realloc)
