//! The classification of a response: a page, or a failure class. The manifest's rules apply first,
//! in order; a response without a matching rule is classified by its status.

use std::borrow::Cow;

use windlass_core::Timestamp;
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use super::request::escaped;
use super::{AdvertisedQuota, Connector, Rule};
use crate::exchange::{ApiResponse, Failure, one_line};
use crate::manifest::errors::Status;
use crate::records::Found;
use crate::wait;

/// Maximum length of the vendor's text in a message.
const QUOTE_CHARS_MAX: usize = 160;

impl Connector {
    /// The failure that a response means; `None` for a page. `found` is the body, when it was JSON.
    pub(super) fn judge(
        &self,
        token: Option<&str>,
        response: &ApiResponse,
        found: Option<&Found<'_>>,
        now: Timestamp,
    ) -> Option<Failure> {
        let rule = self
            .signals
            .rules
            .iter()
            .find(|rule| rule.matches(response, found));
        let is_page = (200..300).contains(&response.status);
        let (class, advice) = match rule {
            Some(Rule { rule, .. }) => (rule.class, rule.advice.clone()),
            None if is_page => return None,
            None => by_status(response, token.is_some()),
        };
        let vendor = found
            .map(|found| self.vendors_words(found, token))
            .filter(|words| !words.is_empty())
            .or_else(|| self.words_of_header(response, token))
            .unwrap_or_default();
        let advice = advice
            .map(|advice| format!("; {advice}"))
            .unwrap_or_default();
        let message = format!(
            "{} returned HTTP {}{vendor}{advice}",
            self.name, response.status
        );
        let wait_ms = match class {
            FailureClass::Rate | FailureClass::Outage => self.wait_ms(class, response, now),
            _ => None,
        };
        Some(
            Failure::new(class, message)
                .with_status(response.status)
                .with_wait(wait_ms),
        )
    }

    /// The remaining quota from the response headers; `None` without the header.
    pub(super) fn quota(&self, response: &ApiResponse, now: Timestamp) -> Option<AdvertisedQuota> {
        let name = self.signals.rate.remaining.as_ref()?;
        let remaining = response.headers.get(name)?.trim().parse().ok()?;
        Some(AdvertisedQuota {
            remaining,
            reset_ms: self.reset_ms(response, now),
        })
    }

    /// The wait from `Retry-After`, else from the reset header. Some vendors send the reset header
    /// with every response, so it counts only for class `rate`.
    fn wait_ms(&self, class: FailureClass, response: &ApiResponse, now: Timestamp) -> Option<i64> {
        let asked = response.headers.get("retry-after");
        asked
            .and_then(|text| wait::retry_after_ms(text, now))
            .or_else(|| {
                (class == FailureClass::Rate)
                    .then(|| self.reset_ms(response, now))
                    .flatten()
            })
    }

    fn reset_ms(&self, response: &ApiResponse, now: Timestamp) -> Option<i64> {
        let reset = self.signals.rate.reset.as_ref()?;
        wait::reset_ms(response.headers.get(&reset.header)?, reset.format, now)
    }

    /// ` (code: message)`, shortened, and without the token even where the vendor repeats it.
    fn vendors_words(&self, found: &Found<'_>, token: Option<&str>) -> String {
        let get = |slot: Option<usize>| quoted(&found.get(slot?)?, token);
        match (get(self.signals.code), get(self.signals.message)) {
            (Some(code), Some(message)) => format!(" ({code}: {message})"),
            (Some(text), None) | (None, Some(text)) => format!(" ({text})"),
            (None, None) => String::new(),
        }
    }

    /// The message in the manifest's header for errors, as [`Self::vendors_words`].
    fn words_of_header(&self, response: &ApiResponse, token: Option<&str>) -> Option<String> {
        let text = response.headers.get(self.signals.header.as_ref()?)?;
        quoted(text, token).map(|text| format!(" ({text})"))
    }
}

/// One line of a vendor's `text`, without the page token; `None` if nothing is left.
fn quoted(text: &str, token: Option<&str>) -> Option<String> {
    let short: String = one_line(&without_token(text, token))
        .chars()
        .take(QUOTE_CHARS_MAX)
        .collect();
    (!short.is_empty()).then_some(short)
}

impl Rule {
    fn matches(&self, response: &ApiResponse, found: Option<&Found<'_>>) -> bool {
        let rule = &self.rule;
        let is_value = |value: &str| rule.values.iter().any(|known| known == value);
        rule.status.0.contains(&Status(response.status))
            && self.slot.is_none_or(|slot| {
                found
                    .and_then(|found| found.get(slot))
                    .is_some_and(|value| is_value(&value))
            })
            && rule.header.as_ref().is_none_or(|name| {
                response
                    .headers
                    .get(name)
                    .is_some_and(|value| is_value(value.trim()))
            })
            && rule
                .text
                .as_ref()
                .is_none_or(|text| contains(&response.body, text))
    }
}

/// Minimum length of a next link's query value that counts as a token.
const TOKEN_CHARS_MIN: usize = 6;

/// `text` without the token, both raw and as escaped in a request; for a link, without the values
/// in its query.
pub(super) fn without_token(text: &str, token: Option<&str>) -> String {
    let token = token.unwrap_or_default();
    if token.is_empty() {
        return text.to_owned();
    }
    let mut clean = text.replace(token, "***");
    clean = clean.replace(&escaped(token), "***");
    if let Some((_, query)) = token.split_once('?') {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let written = pairs.map(|(_, value)| Cow::Borrowed(value));
        let meant = url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value);
        for value in written.chain(meant) {
            if value.chars().count() >= TOKEN_CHARS_MIN {
                clean = clean.replace(value.as_ref(), "***");
                clean = clean.replace(&escaped(&value), "***");
            }
        }
    }
    clean
}

/// Returns true if the start of `body` contains `text`, in any case.
fn contains(body: &[u8], text: &str) -> bool {
    let head = body.get(..limits::ERROR_BODY_BYTES_MAX).unwrap_or(body);
    let text = text.as_bytes();
    !text.is_empty()
        && head
            .windows(text.len())
            .any(|window| window.eq_ignore_ascii_case(text))
}

/// The class of a status without a rule in the manifest, and advice for the operator.
fn by_status(response: &ApiResponse, continues: bool) -> (FailureClass, Option<String>) {
    let advice = match response.status {
        429 => return (FailureClass::Rate, None),
        408 | 500..=599 => return (FailureClass::Outage, None),
        // The same parameters worked for the first page, so the vendor rejects the token. Class
        // `block` would keep the token, and so repeat the rejection.
        400 | 404 | 410 | 422 if continues => {
            let advice = "the vendor rejected its page token; the window restarts at page one";
            return (FailureClass::Restart, Some(advice.to_owned()));
        }
        413 => {
            let advice = "the request covers too much; the window is split";
            return (FailureClass::Split, Some(advice.to_owned()));
        }
        400 => "check the source's `params`".to_owned(),
        401 => "credentials not accepted; check the secret".to_owned(),
        403 => "check the permissions and scopes of the credentials".to_owned(),
        404 => "check the source's `params` and `base_url`".to_owned(),
        _ => "check the source's `params` and the permissions of its credentials".to_owned(),
    };
    (FailureClass::Block, Some(advice))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
