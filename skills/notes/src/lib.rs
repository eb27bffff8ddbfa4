//! Lesson four: a power with effects outside the sandbox. The skill handles the errors that it understands, and
//! passes a denial on: it is for the operator to decide.

use ringfence_sdk::files::Error;
use ringfence_sdk::prelude::*;

/// What a note's file is called after its name.
const ENDING: &str = ".md";

/// What to do.
#[data]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Request {
    /// Writes a note, in place of one that has its name.
    Add {
        /// The name of the note: no slash, and no dot at its beginning.
        name: String,
        /// The text of the note, in Markdown.
        text: String,
        /// The granted folder.
        #[serde(default = "usual_folder")]
        folder: String,
    },
    /// Gives a note.
    Read {
        /// The name of the note.
        name: String,
        /// The granted folder.
        #[serde(default = "usual_folder")]
        folder: String,
    },
    /// Names the notes.
    List {
        /// The granted folder.
        #[serde(default = "usual_folder")]
        folder: String,
    },
    /// Deletes a note.
    Delete {
        /// The name of the note.
        name: String,
        /// The granted folder.
        #[serde(default = "usual_folder")]
        folder: String,
    },
}

fn usual_folder() -> String {
    "notes".into()
}

/// The notes that the action was about.
#[data]
#[derive(PartialEq, Eq)]
pub struct Answer {
    /// For `add` and `read` the note, for `list` every note without its text, for `delete` none.
    pub notes: Vec<Note>,
}

/// A note.
#[data]
#[derive(PartialEq, Eq)]
pub struct Note {
    /// The name of the note.
    pub name: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Keeps notes as Markdown files in a granted folder, and adds, reads, lists and deletes them.
#[skill]
fn notes(request: Request, files: Files) -> Result<Answer> {
    let notes = match request {
        Request::Add { name, text, folder } => {
            let path = path(&folder, &name)?;
            files.write(&path, &text)?;
            vec![Note { name, text: Some(text) }]
        }
        Request::Read { name, folder } => {
            let text = files.read_text(&path(&folder, &name)?)?;
            vec![Note { name, text: Some(text) }]
        }
        Request::List { folder } => {
            let names = match files.list(&folder) {
                // The folder comes with the first note.
                Err(Error::NotFound(_)) => Vec::new(),
                names => names?,
            };
            let names = names.iter().filter_map(|name| name.strip_suffix(ENDING));
            names.map(|name| Note { name: name.to_owned(), text: None }).collect()
        }
        Request::Delete { name, folder } => {
            files.delete(&path(&folder, &name)?)?;
            Vec::new()
        }
    };
    Ok(Answer { notes })
}

/// The path of a note. The host guards the folder; this only keeps a note's name from meaning another folder in it.
fn path(folder: &str, name: &str) -> Result<String> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
        return Err(Failure::stop(format!(
            "`{name}` is no name for a note: no slash, and no dot at its beginning"
        )));
    }
    Ok(format!("{folder}/{name}{ENDING}"))
}

#[cfg(test)]
mod tests;
