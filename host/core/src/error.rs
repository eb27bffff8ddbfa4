//! What people see when something does not work: a code with a page, the causes, and what to do.

use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($code:ident = $exit:ident, $title:literal;)*) => {
        /// A kind of error. Each has a page under `docs/errors/`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// All codes, in order.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// `R0101` and so on.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// The code's name in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$code => $title,)* }
            }

            /// How a process ends that fails with this code.
            #[must_use]
            pub const fn exit(self) -> Exit {
                match self { $(Self::$code => Exit::$exit,)* }
            }

            /// The page that explains the code: what happened, why, what to do.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$code => include_str!(concat!("../../../docs/errors/", stringify!($code), ".md")),)*
                }
            }
        }
    };
}

codes! {
    R0001 = Bug, "a bug in Ringfence";
    R0101 = Refused, "an import that the ring forbids";
    R0102 = Refused, "an import that this host does not offer";
    R0103 = Refused, "an import that the task was not granted";
    R0107 = Refused, "a call that policy denies";
    R0110 = Refused, "the version is withdrawn";
    R0201 = Stopped, "a limit was reached";
    R0202 = Stopped, "killed";
    R0301 = Failed, "the skill gave up";
    R0302 = Failed, "the output still breaks its contract";
    R0303 = Failed, "the skill trapped";
    R0401 = Asked, "no such skill";
    R0402 = Asked, "the input is not JSON";
    R0403 = Asked, "the input breaks the skill's contract";
    R0404 = Asked, "the policy file is broken";
    R0405 = Asked, "an unknown key in the policy file";
    R0406 = Asked, "not a WebAssembly component";
    R0407 = Asked, "the component is over a size limit";
    R0408 = Asked, "the component is not a skill";
    R0409 = Asked, "the component does not compile within its limits";
    R0410 = Asked, "the skill's contract is broken";
    R0411 = Asked, "this version is loaded with other content";
    R0412 = Asked, "a file or folder cannot be used";
    R0413 = Asked, "the skill does not build";
    R0414 = Asked, "a value on the command line is wrong";
    R0415 = Asked, "nothing to kill";
    R0416 = Asked, "no such artifact";
    R0417 = Asked, "a hash fits more than one artifact";
    R0419 = Asked, "the skill cannot be built without WASI";
    R0420 = Asked, "a compatible version breaks a promise";
    R0421 = Asked, "a digest fits more than one component";
    R0430 = Asked, "another task has this id";
    R0431 = Asked, "the task is not in a state for that";
    R0440 = Asked, "a checkpoint, a proof or a receipt cannot be read";
    R0441 = Asked, "the key of the checkpoints cannot be used";
    R0442 = Asked, "it cannot be purged";
    R0443 = Asked, "no such context package";
    R0444 = Asked, "a source of the context is missing";
    R0445 = Asked, "a source of the context is stale";
    R0446 = Asked, "the context is over its budget";
    R0448 = Asked, "nothing says how long payloads are kept";
    R0450 = Asked, "the agent file is broken";
    R0451 = Failed, "a validator did not judge";
    R0452 = Refused, "a validator cannot be used";
    R0455 = Asked, "no such tool";
    R0456 = Asked, "the tool is not what was looked at";
    R0460 = Asked, "no such approval";
    R0461 = Asked, "the approval is decided";
    R0462 = Asked, "the approval is over";
    R0463 = Asked, "other bytes than those that wait for approval";
    R0464 = Refused, "an approval by somebody who does not count";
    R0465 = Asked, "no such client";
    R0466 = Refused, "an address that tokens must not travel to";
    R0467 = Asked, "the store is another tenant's";
    R0501 = Failed, "the store cannot be written";
    R0502 = Failed, "the store is damaged";
    R0503 = Failed, "the store is locked";
    R0504 = Failed, "the audit log was altered";
    R0505 = Failed, "the replay differs from the record";
    R0506 = Failed, "the host is busy";
    R0507 = Failed, "another host took the task over";
    R0508 = Failed, "a kill is not confirmed";
    R0509 = Failed, "the bytes of an artifact are lost";
    R0510 = Failed, "the task waits for a person";
    R0511 = Failed, "the task was claimed too often";
    R0512 = Failed, "an index of the store differs from its log";
    R0520 = Failed, "a proof does not hold";
    R0521 = Failed, "the log is not the one of the checkpoint";
    R0526 = Failed, "a server of tools cannot be asked";
    R0527 = Failed, "tools are not what was accepted";
    R0530 = Waits, "the task waits for an approval";
    R0531 = Refused, "an approval was denied";
    R0532 = Refused, "an approval expired";
    R0533 = Refused, "an approval of something else";
    R0534 = Failed, "the store is of a newer version";
}

/// How a process ends. The number is its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The task, or the store, failed.
    Failed = 1,
    /// Asked wrongly.
    Asked = 2,
    /// Refused by policy.
    Refused = 3,
    /// Stopped by a limit or a kill.
    Stopped = 4,
    /// Our bug.
    Bug = 5,
    /// The task is not over: it waits for an approval.
    Waits = 6,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// An error as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Error {
    /// Which kind.
    pub code: Code,
    /// What happened, in one line.
    pub message: String,
    /// Why, from the near to the far.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Error {
    /// An error with no cause and no hint yet.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// Adds a cause behind those that are there.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_begins_with_its_code_and_title() {
        for code in Code::ALL {
            let heading = format!("# {}: {}\n", code.text(), code.title());
            assert!(code.page().starts_with(&heading), "docs/errors/{code}.md must begin with {heading:?}");
            assert!(code.page().contains("## What to do"), "docs/errors/{code}.md says what to do");
        }
    }
}
