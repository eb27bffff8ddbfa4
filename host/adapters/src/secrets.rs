//! What the operator keeps from skills: put into the headers that a grant adds and into what servers of tools are given, and taken out of whatever comes back.

use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER};
use ringfence_core::ids::Digest;
use secrecy::{ExposeSecret, SecretString};

/// What stands where a secret stood.
const MASK: &[u8] = b"***";

/// Shorter than this a secret cannot be told from other text.
const SHORTEST: usize = 8;

/// How many secrets that are named no more are still taken out of what comes back.
const MOST_FORMER: usize = 100;

/// The secrets of the policy file, by name. Every copy sees what one of them takes.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Arc<Known>>>);

#[derive(Default)]
struct Known {
    named: Vec<(String, SecretString)>,
    /// What was named before, and may still come back.
    former: Vec<SecretString>,
    needles: Option<AhoCorasick>,
}

impl Known {
    fn new(named: Vec<(String, SecretString)>, former: Vec<SecretString>) -> Result<Self, String> {
        for (name, secret) in &named {
            if secret.expose_secret().len() < SHORTEST {
                return Err(format!("secret `{}` has fewer than {SHORTEST} bytes", plain(name)));
            }
            if !secret.expose_secret().bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
                return Err(format!("secret `{}` has other characters than visible ASCII", plain(name)));
            }
        }
        let all = named.iter().map(|(_, secret)| secret).chain(&former);
        let forms: Vec<Vec<u8>> = all.flat_map(|secret| forms(secret.expose_secret().as_bytes())).collect();
        if forms.is_empty() {
            return Ok(Self { named, former, needles: None });
        }
        let mut builder = AhoCorasickBuilder::new();
        builder.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true);
        let needles = builder.build(forms).map_err(|_| "the secrets are too long".to_owned())?;
        Ok(Self { named, former, needles: Some(needles) })
    }

    fn named(&self, name: &str) -> Result<&SecretString, String> {
        let secret = self.named.iter().find(|(known, _)| known == name);
        let missing = || format!("this process has no secret `{}`", plain(name));
        secret.map(|(_, secret)| secret).ok_or_else(missing)
    }
}

/// The name of the secret of a source, as it is known here: a secret that comes from elsewhere is another one.
#[must_use]
pub fn name_of(name: &str, source: &str) -> String {
    let source = Digest::of(source.as_bytes()).to_string();
    format!("{name}@{}", source.chars().take(16).collect::<String>())
}

/// As the policy file has it.
fn plain(name: &str) -> &str {
    name.rsplit_once('@').map_or(name, |(name, _)| name)
}

impl Secrets {
    /// Secrets by name.
    ///
    /// # Errors
    /// The name of one that is too short to be taken out of other text, or that no header can carry.
    pub fn new(named: Vec<(String, SecretString)>) -> Result<Self, String> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(Known::new(named, Vec::new())?)))))
    }

    /// Puts these in the place of those before. What is taken out of whatever comes back is the ones and the others.
    ///
    /// # Errors
    /// As [`Self::new`]; then nothing has changed.
    pub fn take(&self, named: Vec<(String, SecretString)>) -> Result<(), String> {
        let before = self.known();
        let is_gone = |secret: &&SecretString| {
            named.iter().all(|(_, kept)| kept.expose_secret() != secret.expose_secret())
        };
        let gone = before.named.iter().map(|(_, secret)| secret).chain(&before.former).filter(is_gone);
        let former = gone.take(MOST_FORMER).cloned().collect();
        let known = Arc::new(Known::new(named, former)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// What is known of the one of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<SecretString> {
        self.known().named(name).ok().cloned()
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The value of a header with its secrets in it.
    ///
    /// # Errors
    /// The name of a secret that there is none of.
    pub(crate) fn fill(&self, template: &str) -> Result<SecretString, String> {
        let known = self.known();
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once("{secret:") {
            let (name, behind) = behind.split_once('}').ok_or("a `{secret:` is not closed")?;
            filled.push_str(before);
            filled.push_str(known.named(name)?.expose_secret());
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled.into())
    }

    /// The hash of a secret of so many bytes: enough to know it by.
    ///
    /// # Errors
    /// That there is none of this name, or that it is shorter.
    pub(crate) fn digest(&self, name: &str, shortest: usize) -> Result<Digest, String> {
        let known = self.known();
        let secret = known.named(name)?;
        if secret.expose_secret().len() < shortest {
            return Err(format!("secret `{}` has fewer than {shortest} bytes", plain(name)));
        }
        Ok(Digest::of(secret.expose_secret().as_bytes()))
    }

    /// The same without any secret in it.
    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.known().needles {
            Some(needles) if needles.is_match(&bytes) => {
                let mut clean = Vec::with_capacity(bytes.len());
                needles.replace_all_with_bytes(&bytes, &mut clean, |_, _, clean| {
                    clean.extend_from_slice(MASK);
                    true
                });
                clean
            }
            _ => bytes,
        }
    }

    /// The same text without any secret in it.
    pub(crate) fn scrub_text(&self, text: String) -> String {
        String::from_utf8_lossy(&self.scrub(text.into_bytes())).into_owned()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.known().named.iter().map(|(name, _)| name)).finish()
    }
}

/// The forms in which a secret may come back: as it is, and in the encodings that servers answer in. Upper and lower
/// case are told apart by nobody.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let percent = |kept: &dyn Fn(u8) -> bool| {
        let encode = |byte: &u8| if kept(*byte) { vec![*byte] } else { format!("%{byte:02x}").into_bytes() };
        secret.iter().flat_map(encode).collect::<Vec<u8>>()
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let text = String::from_utf8_lossy(secret);
    let json = serde_json::to_string(&text).unwrap_or_default();
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut forms = vec![
        secret.to_vec(),
        secret.iter().rev().copied().collect(),
        HEXLOWER.encode(secret).into_bytes(),
        percent(&unreserved),
        percent(&|byte| byte.is_ascii_alphanumeric()),
        percent(&|_| false),
        json.trim_matches('"').as_bytes().to_vec(),
        json.trim_matches('"').replace('/', "\\/").into_bytes(),
        html.into_bytes(),
    ];
    for before in 0..3 {
        forms.extend(base64_within(secret, before));
    }
    forms.extend(
        [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD].map(|base64| base64.encode(secret).into_bytes()),
    );
    forms.sort();
    forms.dedup();
    forms
}

/// The characters of Base64 that stand for a secret alone, when so many bytes (of three) stand before it: those at both
/// edges, which its neighbours have a part in, are left out.
fn base64_within(secret: &[u8], before: usize) -> [Vec<u8>; 2] {
    let bytes = [&[0; 3][..before], secret].concat();
    let first = (before * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    [BASE64_NOPAD, BASE64URL_NOPAD].map(|base64| base64.encode(&bytes).as_bytes()[first..last].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t/Value+of=ours";

    fn secrets() -> Secrets {
        Secrets::new(vec![("token".into(), SECRET.into())]).expect("a secret")
    }

    fn clean(text: &str) -> String {
        secrets().scrub_text(text.to_owned())
    }

    #[test]
    fn a_secret_is_taken_out_in_every_form() {
        assert_eq!(clean(&format!("<{SECRET}>")), "<***>");
        assert_eq!(clean(&SECRET.to_uppercase()), "***");
        assert_eq!(clean(&format!("<{}>", HEXLOWER.encode(SECRET.as_bytes()).to_uppercase())), "<***>");
        assert_eq!(clean("a=s3cr3t%2FValue%2Bof%3Dours&b"), "a=***&b");
        assert_eq!(clean("a=s3cr3t%2fValue%2bof%3dours&b"), "a=***&b");
        for before in ["", "u", "us", "user:", "Bearer "] {
            for after in ["", "!", "!!"] {
                let text = format!("{before}{SECRET}{after}");
                for base64 in [&BASE64, &BASE64URL] {
                    let encoded = base64.encode(text.as_bytes());
                    let left = clean(&encoded);
                    assert!(left.contains("***") && left.len() < encoded.len() - 15, "{text}: {left}");
                }
            }
        }
    }

    #[test]
    fn a_header_is_filled_and_nobody_sees_it() {
        let filled = secrets().fill("Bearer {secret:token}").expect("it is there");
        assert_eq!(filled.expose_secret(), format!("Bearer {SECRET}"));
        assert!(secrets().fill("{secret:other}").is_err());
        assert_eq!(format!("{:?} {filled:?}", secrets()).find("s3cr3t"), None);
    }

    #[test]
    fn what_was_a_secret_before_is_named_no_more_and_still_taken_out() {
        let (secrets, name) = (secrets(), name_of("token", "file"));
        let copy = secrets.clone();
        secrets.take(vec![(name.clone(), "another-one".into())]).expect("it is a secret");
        assert_eq!(
            copy.fill(&format!("{{secret:{name}}}")).expect("it is there").expose_secret(),
            "another-one"
        );
        let why = copy.fill("{secret:token}").expect_err("it comes from elsewhere");
        assert!(why.contains("no secret `token`"), "{why}");
        assert_eq!(copy.scrub_text(format!("{SECRET} and another-one")), "*** and ***");
        secrets.take(vec![(name, "short".into())]).expect_err("it is none");
        assert_eq!(copy.scrub_text("another-one".into()), "***");
    }

    #[test]
    fn a_secret_that_would_match_everything_is_refused() {
        for bad in ["", "short", "with a space", "with\nline"] {
            let named = vec![("token".to_owned(), SecretString::from(bad))];
            let why = Secrets::new(named).expect_err(bad);
            assert!(why.contains("`token`"), "{why}");
        }
    }
}
