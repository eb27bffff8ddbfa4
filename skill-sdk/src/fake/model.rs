//! A language model that answers as a test prepared it.

use crate::Model;
use crate::model::{Error, Question, Reply};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// What answers, and what was asked.
#[derive(Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Prepared>>);

type Answer = Rc<dyn Fn(&Question) -> Result<Reply, Error>>;

#[derive(Default)]
struct Prepared {
    answer: Option<Answer>,
    questions: Vec<Question>,
}

impl fmt::Debug for Backing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.0.borrow().questions).finish()
    }
}

impl Backing {
    pub(crate) fn complete(&self, question: Question) -> Result<Reply, Error> {
        let answer = self.0.borrow().answer.clone();
        self.0.borrow_mut().questions.push(question.clone());
        let none = || Error::Denied("no model is granted".to_owned());
        answer.ok_or_else(none)?(&question)
    }

    pub(crate) fn complete_many(&self, questions: Vec<Question>) -> Vec<Result<Reply, Error>> {
        questions.into_iter().map(|question| self.complete(question)).collect()
    }
}

impl Model {
    /// No model at all, for a native test: every question is denied until [`answering`](Self::answering).
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same, with a model that answers so.
    #[must_use]
    pub fn answering(self, answer: impl Fn(&Question) -> Result<Reply, Error> + 'static) -> Self {
        self.0.0.borrow_mut().answer = Some(Rc::new(answer));
        self
    }

    /// What was asked so far, answered or not.
    pub fn questions(&self) -> Vec<Question> {
        self.0.0.borrow().questions.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fake_answers_what_was_prepared_and_keeps_the_questions() {
        assert!(matches!(Model::fake().ask("x"), Err(Error::Denied(_))));
        let model =
            Model::fake().answering(|question| Ok(Reply::of(question.messages[0].content.len().to_string())));
        assert_eq!(model.ask("four").as_deref(), Ok("4"));
        assert_eq!(model.answer::<u32>(Question::of("three")), Ok(5));
        assert!(matches!(model.answer::<bool>(Question::of("x")), Err(Error::Invalid(_))));
        let asked = model.questions();
        assert!(asked.len() == 3 && asked[0].schema.is_none() && asked[1].schema.is_some());
    }
}
