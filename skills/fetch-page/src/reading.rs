//! HTML as a reader sees it: without tags, scripts and styles, a paragraph a line. It is no browser: whatever the
//! markup is, it gives some text and never fails.

/// Elements whose insides nobody reads.
const UNSEEN: [&str; 8] = ["head", "script", "style", "noscript", "template", "svg", "iframe", "object"];

/// Elements that begin a line of their own.
const BLOCKS: [&str; 26] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dt",
    "figcaption",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "p",
    "pre",
    "section",
    "td",
    "tr",
];

/// The title and the text of a page.
pub(crate) fn page(html: &str) -> (Option<String>, String) {
    // From here on a line ends where an element begins one, and nowhere else.
    let html = html.replace(['\n', '\r'], " ");
    let (mut title, mut text, mut rest) = (None, String::new(), html.as_str());
    while let Some((before, behind)) = rest.split_once('<') {
        text.push_str(before);
        if let Some(comment) = behind.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let begins = behind.trim_start_matches('/');
        if !begins.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?') {
            text.push('<');
            rest = behind;
            continue;
        }
        let end = end_of_tag(behind);
        let name = name(begins);
        rest = behind.get(end + 1..).unwrap_or("");
        let opens = !behind.starts_with('/');
        if opens && name == "title" && title.is_none() {
            title = Some(line(&unescaped(inside(rest, "title").0))).filter(|title| !title.is_empty());
        }
        if opens && name != "head" && (UNSEEN.contains(&name.as_str()) || name == "title") {
            rest = inside(rest, &name).1;
        }
        if BLOCKS.contains(&name.as_str()) {
            text.push('\n');
        }
    }
    text.push_str(rest);
    let text = unescaped(&text);
    let lines: Vec<String> = text.lines().map(line).filter(|line| !line.is_empty()).collect();
    (title, lines.join("\n"))
}

/// Where a tag ends: at the first `>` that is not in quotes.
fn end_of_tag(tag: &str) -> usize {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    // A quote that never closes was none.
    tag.find('>').unwrap_or(tag.len())
}

fn name(tag: &str) -> String {
    tag.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// What stands before the closing tag of an element, and what behind it.
fn inside<'a>(rest: &'a str, name: &str) -> (&'a str, &'a str) {
    for (at, _) in rest.match_indices("</") {
        let closing = &rest[at + 2..];
        if closing.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            let behind = closing.find('>').map_or("", |end| &closing[end + 1..]);
            return (&rest[..at], behind);
        }
    }
    (rest, "")
}

/// One line, with single spaces.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text with the common character references resolved.
fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let reference = behind.split_once(';').filter(|(name, _)| name.len() <= 8);
        match reference.and_then(|(name, behind)| Some((character(name)?, behind))) {
            Some((character, behind)) => {
                plain.push(character);
                rest = behind;
            }
            None => {
                plain.push('&');
                rest = behind;
            }
        }
    }
    plain + rest
}

fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    if let Some(digits) = name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
        return number(digits, 16);
    }
    if let Some(digits) = name.strip_prefix('#') {
        return number(digits, 10);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "copy" => '©',
        _ => return None,
    })
}
