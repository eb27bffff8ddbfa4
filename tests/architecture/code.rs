//! Rust text without what is no code: comments, literals, tests.

/// The code with comments gone and the insides of literals blanked; lines stay where they are.
pub(super) fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let skipped = comment(rest).or_else(|| literal(rest, code.last().copied()));
        match skipped {
            Some(length) => {
                code.push(b' ');
                code.extend(rest[..length].iter().filter(|byte| **byte == b'\n'));
                at += length;
            }
            None => {
                code.push(rest[0]);
                at += 1;
            }
        }
    }
    String::from_utf8(code).expect("what was cut out begins and ends with ASCII")
}

fn comment(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"//") {
        return Some(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with(b"/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    Some(rest.len())
}

fn literal(rest: &[u8], before: Option<u8>) -> Option<usize> {
    let in_a_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let prefix = rest.iter().take(2).take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let prefix = if in_a_word { 0 } else { prefix };
    let raw = rest[..prefix].contains(&b'r');
    let body = &rest[prefix..];
    if raw {
        let hashes = body.iter().take_while(|byte| **byte == b'#').count();
        if body.get(hashes) != Some(&b'"') {
            return None;
        }
        let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
        let inside = &body[hashes + 1..];
        let length = inside.windows(end.len()).position(|window| window == end).unwrap_or(inside.len());
        return Some((prefix + hashes + 1 + length + end.len()).min(rest.len()));
    }
    match body.first()? {
        b'"' => Some(prefix + quoted(body, b'"')),
        // A lifetime has no closing quote behind its first character.
        b'\'' if body.get(1) == Some(&b'\\') => Some(prefix + quoted(body, b'\'')),
        b'\'' => {
            let text = std::str::from_utf8(&body[1..]).ok()?;
            let length = text.chars().next()?.len_utf8();
            (body.get(1 + length) == Some(&b'\'')).then_some(prefix + length + 2)
        }
        _ => None,
    }
}

fn quoted(body: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < body.len() && body[at] != quote {
        at += if body[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(body.len())
}

/// The code without the items that are compiled for tests alone.
pub(super) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, item)) = rest.split_once(MARK) {
        kept.push_str(before);
        rest = &item[item_length(item)..];
    }
    kept + rest
}

/// Up to the brace that closes the item, or the semicolon or comma that ends it before one opens.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (index, c) in item.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth == 0 => return index,
            '}' | ')' | ']' => {
                depth -= 1;
                if depth == 0 && c == '}' {
                    return index + 1;
                }
            }
            ';' | ',' if depth == 0 => return index + 1,
            _ => {}
        }
    }
    item.len()
}

/// The numbers of the lines in which a word stands, from 1. A word that begins or ends with a letter stands alone.
pub(super) fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let begins = word.starts_with(letter);
    let ends = word.ends_with(letter);
    let stands = |line: &str| {
        line.match_indices(word).any(|(index, _)| {
            let before = line[..index].chars().next_back().is_some_and(letter);
            let after = line[index + word.len()..].chars().next().is_some_and(letter);
            !(begins && before || ends && after)
        })
    };
    code.lines().zip(1..).filter(|(line, _)| stands(line)).map(|(_, number)| number).collect()
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "a // unsafe\nb /* x /* unsafe */ y\n */ c \"un\\\"safe\" r#\"un\"safe\"# '\"' '\\'' 'a' <'a> b\"unsafe\" d";
    let code = code_of(text);
    assert!(!code.contains("safe"), "{code}");
    assert_eq!(code.lines().count(), 3, "{code}");
    assert_eq!(code.split_whitespace().collect::<String>(), "abc<'a>d");
}

#[test]
fn what_is_compiled_for_tests_alone_is_left_out() {
    let code = "a #[cfg(test)] mod tests { b { c } } d #[cfg(test)] mod e; f { #[cfg(test)] G { h: i }, j }";
    let kept: String = without_tests(code).split_whitespace().collect();
    assert_eq!(kept, "adf{,j}");
}

#[test]
fn a_word_stands_alone() {
    let code = "unsafe_code\nunsafe {\nan_unsafe\nstd::fs::read\nstd::fsx";
    assert_eq!(lines_with(code, "unsafe"), [2]);
    assert_eq!(lines_with(code, "std::fs"), [4]);
}
