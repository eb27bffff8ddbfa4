//! The skill as a plain function, on a fake web.

use super::reading::page;
use super::*;
use ringfence_sdk::http::{Error, Response};

const URL: &str = "https://example.com/";

fn fetched(response: Response) -> Result<Page> {
    fetch_page(URL.into(), Http::fake().answering("GET", URL, Ok(response)))
}

#[test]
fn a_page_has_a_title_and_paragraphs() {
    let html = "<!doctype html><html><head><title>A &amp;\n B</title><style>p { x: y }</style></head>\
                <body><h1>Hello</h1><p>One <b>two</b>\n three.</p><script>if (a < b) {}</script><p>Four</body>";
    let page = fetched(Response::ok(html)).unwrap();
    assert_eq!(page.title.as_deref(), Some("A & B"));
    assert_eq!(page.text, "Hello\nOne two three.\nFour");
    assert_eq!((page.url.as_str(), page.cut), (URL, false));
}

#[test]
fn what_nobody_reads_is_left_out() {
    let text = |html: &str| page(html).1;
    assert_eq!(text("a<!-- <p>b --> c"), "a c");
    assert_eq!(text("a<script>b</script >c"), "ac");
    assert_eq!(text("a<svg><title>b</title></svg>c"), "ac");
    assert_eq!(text("<a title='>' href=\">\">b</a>"), "b");
    assert_eq!(text("1 < 2 &lt; 3 &#x41;&#66;&unknown; & so"), "1 < 2 < 3 AB&unknown; & so");
}

#[test]
fn no_markup_is_too_broken_to_read() {
    for html in [
        "<",
        "<p",
        "</",
        "<!--",
        "<script>",
        "<a href='",
        "&",
        "&#x110000;",
        "<title>",
        "ä<ö>ü</ä",
        "</ti\u{e4}",
    ] {
        page(html);
        page(&html.repeat(50));
    }
}

#[test]
fn a_long_page_is_cut_and_says_so() {
    let page = fetched(Response::ok("ä".repeat(MOST + 1))).unwrap();
    assert_eq!((page.text.chars().count(), page.cut), (MOST, true));
}

#[test]
fn plain_text_is_read_and_other_things_are_not() {
    let text = Response::ok("<b> & so\n").with_header("Content-Type", "text/plain; charset=utf-8");
    assert_eq!(fetched(text).unwrap().text, "<b> & so");
    let image = Response::ok("").with_header("content-type", "image/png");
    assert_eq!(fetched(image), Err(Failure::stop("https://example.com/ is `image/png`, not a page to read")));
}

#[test]
fn what_the_server_or_the_host_refuses_is_passed_on() {
    let missing = Response { status: 404, ..Response::ok("") };
    assert_eq!(
        fetched(missing),
        Err(Failure::stop("http failed: https://example.com/ answered with status 404"))
    );
    let denied = fetch_page(URL.into(), Http::fake());
    assert_eq!(denied, Err(Failure::stop("http was denied: no grant covers GET https://example.com/")));
    let slow = Http::fake().answering("GET", URL, Err(Error::TimedOut("5s".into())));
    assert_eq!(fetch_page(URL.into(), slow), Err(Failure::stop("http took too long: 5s")));
}
