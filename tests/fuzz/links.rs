//! `Link` headers. In a well-formed header the first link with the relation is found, resolved, and
//! stripped of secrets; any header leads to a URL of the vendor's own, or to a failure. A header
//! without "next" has no next link, and a header whose value is not the start of a list never
//! counts as the end.

use bytes::Bytes;
use url::Url;
use windlass_connectors::exchange::{ApiResponse, Headers};
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use crate::corpus::Corpus;
use crate::draw::Draw;
use crate::input::Input;
use crate::meter::Meter;
use crate::responses::{is_failure, is_usable, read};
use crate::target::{Target, expect};
use crate::vendors::{self, Vendor};

const HEADERS: [&str; 12] = [
    "<https://api.github.com/advisories?page=2>; rel=\"next\"",
    "<https://api.github.com/advisories?page=1>; rel=\"prev\", </advisories?page=3>; rel=\"next\"",
    "</advisories?after=a,b;c>; title=\"x, <y>; rel=prev\"; rel=\"last next\"",
    "<?after=2>;rel=next;rel=prev",
    ", ,<https://api.github.com/1>; rel=self,, <https://api.github.com/2>; REL = \"NEXT\"",
    "<https://evil.example/>; rel=\"next\"",
    "<https://api.github.com@evil.example/>; rel=\"next\"",
    "<//evil.example/>; rel=next",
    "<https://api.github.com/a?access_token=S3CRET&b=1>; rel=next",
    "<https://api.github.com/1>; title=\"q\\\", rel=next\"; rel=self",
    "rel=next",
    "<data:text/plain,x>; rel=next",
];
const TARGETS: [&str; 9] = [
    "https://api.github.com/advisories?after=2",
    "/advisories?after=a,b",
    "?after=1;2",
    "https://api.github.com:443/x",
    "https://evil.example/x",
    "//api.github.com/y",
    "../z#top",
    "",
    "/advisories?x=%2C%22",
];
const RELATIONS: [&str; 6] = ["next", "prev", "last", "NEXT", "last next", "nextish"];

/// The target for `Link` headers.
pub(crate) struct LinkHeader {
    vendor: Vendor,
    headers: Corpus,
}

impl LinkHeader {
    pub(crate) fn new() -> Self {
        let words = [
            "rel",
            "next",
            "title",
            "evil.example",
            "https://",
            "access_token",
        ];
        Self {
            vendor: vendors::built_in("github_advisories"),
            headers: Corpus::new(HEADERS, &words),
        }
    }
}

impl Target for LinkHeader {
    fn name(&self) -> &'static str {
        "link_header"
    }

    fn share(&self) -> u64 {
        15
    }

    fn input(&self, draw: &mut Draw) -> Input {
        if draw.one_in(2) {
            let (header, expected) = well_formed(draw);
            return Input::new([("links", header.into()), ("expected", expected.into())]);
        }
        let mut links = Vec::new();
        for _ in 0..=draw.below(3) {
            let header = self.headers.mutant(draw);
            links.extend(header.into_iter().filter(|byte| *byte != b'\n'));
            links.push(b'\n');
        }
        Input::new([("links", links)])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let connector = &self.vendor.connector;
        let links = input.text("links");
        let mut headers = Headers::default();
        for line in links.lines() {
            headers.push("Link", line);
        }
        let response = ApiResponse {
            status: 200,
            headers,
            body: Bytes::from_static(b"[]"),
        };
        let read = read(connector, None, &response, meter);
        let next = match &read {
            Ok(page) => {
                is_usable(connector, None, page)?;
                page.next.token()
            }
            Err(failure) => {
                is_failure(None, failure)?;
                let class = failure.class;
                let known = matches!(class, FailureClass::Page | FailureClass::Block);
                expect(known, || format!("a link fails as {class:?}"))?;
                None
            }
        };
        if let Some(next) = next {
            let url: Url = next
                .parse()
                .map_err(|_| format!("`{next}` is not absolute"))?;
            let secret = url.query_pairs().any(|(name, _)| name == "access_token");
            expect(!secret, || format!("a secret in {next}"))?;
            let named = links.to_ascii_lowercase().contains("next");
            expect(named, || format!("{next} out of nothing"))?;
        }
        // A link with an empty target is no link, at any position.
        let to_nothing = links.contains("<>") || links.contains("< ");
        let begins = links.lines().all(|line| {
            line.trim_start_matches([',', ' ', '\t'])
                .chars()
                .next()
                .is_none_or(|first| first == '<')
        });
        let is_last = read.as_ref().is_ok_and(|page| page.next.token().is_none());
        expect(begins || to_nothing || !is_last, || {
            "taken for the last page".to_owned()
        })?;
        if input.bytes("expected").is_empty() {
            return Ok(());
        }
        is_expected(
            &input.text("expected"),
            next,
            read.is_ok(),
            connector.origin().host(),
        )
    }
}

/// The required result of a well-formed header: none, a URL of the vendor, or a failure.
fn is_expected(
    expected: &str,
    next: Option<&str>,
    is_page: bool,
    host: &str,
) -> Result<(), String> {
    // A link with an empty target is no link.
    let target = expected
        .strip_prefix('<')
        .filter(|target| !target.is_empty());
    let Some(target) = target else {
        return expect(is_page && next.is_none(), || format!("next is {next:?}"));
    };
    let asked: Result<Url, _> = "https://api.github.com/advisories".parse();
    let asked = asked.map_err(|error| error.to_string())?;
    let mut url = asked.join(target).map_err(|error| error.to_string())?;
    url.set_fragment(None);
    if url.host_str() != Some(host) {
        return expect(!is_page, || format!("follows {target}"));
    }
    let same = next == Some(url.as_str());
    expect(same, || format!("next is {next:?} instead of {url}"))
}

/// A well-formed header, and `<` with the target of its first link to the next page, or `-`.
fn well_formed(draw: &mut Draw) -> (String, String) {
    let mut header = String::new();
    let mut expected = None;
    let links = if draw.one_in(40) {
        limits::HEADER_LINKS_MAX
    } else {
        1 + draw.below(5)
    };
    for at in 0..links {
        if at > 0 {
            header.push_str(draw.word(&[",", ", ", " ,", ",,", ", ,\t"]));
        }
        let target = draw.word(&TARGETS);
        let relation = draw.word(&RELATIONS);
        header.push_str(&format!("<{target}>"));
        if draw.one_in(3) {
            header.push_str(draw.word(&[
                "; title=\"a, b; rel=next\"",
                ";type=text",
                " ; x=\"<\\\">, rel=next\"",
                "; y",
            ]));
        }
        header.push_str(draw.word(&[";", "; ", " ;\t"]));
        let quoted = relation.contains(' ') || draw.one_in(2);
        let name = draw.word(&["rel", "REL", "Rel"]);
        header.push_str(&if quoted {
            format!("{name}=\"{relation}\"")
        } else {
            format!("{name}={relation}")
        });
        if draw.one_in(4) {
            header.push_str(draw.word(&["; rel=next", "; rel=prev", ";z=\"next\""]));
        }
        let leads_on = relation
            .split(' ')
            .any(|it| it.eq_ignore_ascii_case("next"));
        if leads_on && expected.is_none() {
            expected = Some(format!("<{target}"));
        }
    }
    (header, expected.unwrap_or_else(|| "-".to_owned()))
}
