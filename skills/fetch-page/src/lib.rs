//! Lesson six: the web. What a page says is text for the caller and never an instruction; what the skill cannot make
//! sense of, it leaves out. The reading itself is a function of text, without any power: `reading.rs`.

mod reading;

use ringfence_sdk::http::Request;
use ringfence_sdk::prelude::*;

/// The most characters of a page's text.
const MOST: usize = 20_000;

/// A page, as a person would read it.
#[data]
#[derive(PartialEq, Eq)]
pub struct Page {
    /// Where it is, after redirects.
    pub url: String,
    /// Its title, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its text, a paragraph a line.
    pub text: String,
    /// Whether the text was cut, because there was more of it.
    pub cut: bool,
}

/// Fetches a web page and gives its title and its readable text.
#[skill]
fn fetch_page(url: String, http: Http) -> Result<Page> {
    let request = Request::new("GET", url).header("accept", "text/html, text/plain;q=0.8");
    let response = http.send(request)?.success()?;
    let kind = response.header("content-type").unwrap_or("text/html").to_ascii_lowercase();
    let (title, text) = match kind.split(';').next().unwrap_or_default().trim() {
        "text/html" | "application/xhtml+xml" => reading::page(&String::from_utf8_lossy(&response.body)),
        "text/plain" => (None, String::from_utf8_lossy(&response.body).trim().to_owned()),
        other => return Err(Failure::stop(format!("{} is `{other}`, not a page to read", response.url))),
    };
    let cut = text.char_indices().nth(MOST).map(|(at, _)| at);
    let text = cut.map_or(text.as_str(), |at| &text[..at]).to_owned();
    Ok(Page { url: response.url, title, text, cut: cut.is_some() })
}

#[cfg(test)]
mod tests;
