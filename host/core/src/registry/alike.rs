//! Names that a reader may take for one another.

use super::Registry;
use crate::ids::SkillName;

impl Registry {
    /// The loaded names, other than this one, that look like it.
    #[must_use]
    pub fn look_alikes(&self, name: &SkillName) -> Vec<SkillName> {
        let look = look(name.as_str());
        let index = self.read();
        let others =
            index.skills.iter().filter(|(other, skill)| *other != name && !skill.versions.is_empty());
        others.map(|(other, _)| other.clone()).filter(|other| self::look(other.as_str()) == look).collect()
    }
}

/// A name as it looks at a glance: the same for all that look alike.
fn look(name: &str) -> String {
    let one = |c| match c {
        '0' => 'o',
        '1' | 'i' => 'l',
        '5' => 's',
        other => other,
    };
    let plain: String = name.chars().filter(|c| *c != '-').map(one).collect();
    plain.replace("rn", "m").replace("vv", "w")
}

#[cfg(test)]
mod tests {
    use super::look;

    #[test]
    fn what_looks_alike_is_told_from_what_does_not() {
        for (one, other) in [
            ("hello", "he11o"),
            ("hello", "heilo"),
            ("word-count", "wordcount"),
            ("modern", "modem"),
            ("foo", "f00"),
        ] {
            assert_eq!(look(one), look(other));
        }
        for (one, other) in [("hello", "hallo"), ("notes", "note"), ("a1", "a2")] {
            assert_ne!(look(one), look(other));
        }
    }
}
