//! The response of a healthy vendor: the parsed request, the check of its token, and the page.

use windlass_connectors::exchange::{ApiRequest, ApiResponse, Method};
use windlass_core::Timestamp;
use windlass_core::breaks::{Break, broken};
use windlass_core::time::MINUTE_MS;

use super::arrival::pairs;
use super::fault::Fault;
use super::listing::{Ask, Listing};
use super::shape::Problem;
use super::spec::{RetentionResponse, Shape};
use super::token::{Position, Token, hash};
use super::{State, Vendor};

/// Shortest span in milliseconds that can have too many records.
const SPAN_MS_MIN: i64 = MINUTE_MS;
/// Fewest units of a span that can have too many records.
const SPAN_UNITS_MIN: i64 = 10;
/// Tokens of one listing that a cycle may lead back to.
const RECENT_MAX: usize = 4;

/// The meaning of a token.
enum Redeemed {
    /// Valid for the page at this position.
    As(Position),
    /// Valid once for the page at this position, and used. Now it returns the page after it.
    Again(Position),
    /// The token is invalid.
    Refused,
}

impl Vendor {
    /// The answer to `request`.
    pub(super) fn respond(
        &self,
        state: &mut State,
        request: &ApiRequest,
        fault: Option<Fault>,
        now: Timestamp,
    ) -> ApiResponse {
        let query = &pairs(request);
        let names = self.spec.names();
        let key = hash(query, names.token);
        let (header, prefix) = self.spec.credential();
        let given = request.header(header).unwrap_or_default();
        if given.strip_prefix(prefix) != Some(self.secret) {
            state.violation(format!("{now}: a request without its credential"));
            return self.error(Problem::Unauthorized, "who are you");
        }
        let mut ask = match self.understand(request, query) {
            Ok(ask) => ask,
            Err(problem) => {
                state.violation(format!("{now}: a request {problem}"));
                return self.error(Problem::Invalid, "that cannot be asked");
            }
        };
        let token = value(query, names.token);
        if let Some(text) = token {
            match self.redeem(state, text, key, now) {
                Redeemed::As(position) => ask.position = Some(position),
                Redeemed::Again(position) => {
                    ask.position = Some(position);
                    ask.position = self.listing.page(&self.spec, &ask, now).next;
                    if ask.position.is_none() {
                        return self.spec.page(&[], None);
                    }
                }
                Redeemed::Refused => return self.error(Problem::Token, "Invalid pageToken"),
            }
        } else if self.is_gone(&ask, now) {
            state.faults.count("vendor_too_old");
            return self.error(Problem::TooOld, "the log is not kept that long");
        } else if self.is_too_much(&ask, now) {
            state.faults.count("vendor_too_many");
            return self.error(Problem::TooMany, "ask for less at once");
        }
        let is_empty = state.faults.rng().u32(0..1_000) < self.spec.empty_per_mille;
        let listed = if is_empty {
            state.faults.count("vendor_empty_page");
            Listing::nothing(&self.spec, &ask, now)
        } else {
            self.listing.page(&self.spec, &ask, now)
        };
        // A reader that takes an empty page for the last one sees no page after it.
        let ends = broken(Break::EmptyPageEnds) && listed.events.is_empty();
        let honest = listed.next.filter(|_| !ends).map(|position| {
            state.tokens_given += 1;
            let nonce = state.tokens_given;
            Token {
                position,
                given: now,
                nonce,
                request: key,
            }
            .write()
        });
        let next = Self::next_token(state, key, token, honest, fault);
        let next = next.map(|next| self.place(request, query, &next));
        self.spec.page(&listed.events, next.as_deref())
    }

    /// The token that is sent: the honest one, unless it is stuck or in a cycle.
    fn next_token(
        state: &mut State,
        key: u64,
        asked: Option<&str>,
        honest: Option<String>,
        fault: Option<Fault>,
    ) -> Option<String> {
        let recent = state.recent.entry(key).or_default();
        // A client that went back to an earlier page is not led past unread records.
        let place = asked.and_then(|asked| recent.iter().position(|it| it == asked));
        recent.truncate(place.map_or(0, |place| place + 1));
        let wrong = match fault {
            Some(Fault::TokenStuck) => asked.map(str::to_owned),
            Some(Fault::TokenCycle) => recent.first().cloned(),
            _ => None,
        };
        if let Some(honest) = &honest {
            recent.push(honest.clone());
            if recent.len() > RECENT_MAX {
                recent.remove(0);
            }
        } else {
            recent.clear();
        }
        wrong.or(honest)
    }

    /// The form of a token: as it is, or in a link that repeats the request.
    fn place(&self, request: &ApiRequest, query: &[(String, String)], token: &str) -> String {
        if self.spec.shape != Shape::Okta {
            return token.to_owned();
        }
        let name = self.spec.names().token;
        let kept = query.iter().filter(|(key, _)| key != name);
        let mut link = request.url.clone();
        link.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair(name, token);
        if self.spec.echoes {
            link.query_pairs_mut()
                .append_pair("access_token", self.secret);
        }
        String::from(link)
    }

    /// The parsed request, or its problem.
    fn understand(&self, request: &ApiRequest, query: &[(String, String)]) -> Result<Ask, String> {
        let host = format!("{}.vendor.example", self.spec.name);
        if request.method != Method::Get
            || request.url.host_str() != Some(&host)
            || request.url.path() != self.spec.path()
        {
            return Err("for another address".to_owned());
        }
        let names = self.spec.names();
        let bound = |name: &str| {
            value(query, name)
                .and_then(|text| self.spec.bound(text))
                .ok_or_else(|| format!("whose `{name}` cannot be read"))
        };
        let (from, to) = (bound(names.from)?, bound(names.to)?);
        let unit_ms = self.spec.unit_ms;
        if !from.is_multiple_of(unit_ms) || !to.is_multiple_of(unit_ms) || from > to {
            return Err(format!("for no span of whole units: {from} to {to}"));
        }
        let width_ms = to.ms_since(from);
        if self.spec.max_span_ms.is_some_and(|most| width_ms > most) {
            return Err(format!("for more than the vendor answers: {from} to {to}"));
        }
        let size = value(query, names.limit).and_then(|text| text.parse().ok());
        if size != Some(self.spec.page_size) {
            return Err("for pages of another size".to_owned());
        }
        let feed = value(query, "feed").and_then(|text| text.parse().ok());
        match feed {
            Some(feed) if feed < self.spec.feeds => Ok(Ask {
                feed,
                from,
                to,
                position: None,
            }),
            _ => Err("for a feed that does not exist".to_owned()),
        }
    }

    /// Returns true if `request` is for a page of a span that holds `at`.
    pub(crate) fn asks_for(&self, request: &ApiRequest, at: Timestamp) -> bool {
        let query: Vec<_> = request.url.query_pairs().into_owned().collect();
        let ask = self.understand(request, &query);
        ask.is_ok_and(|ask| (ask.from..ask.to).contains(&at))
    }

    /// The position from which `text` continues the request `key`.
    fn redeem(&self, state: &mut State, text: &str, key: u64, now: Timestamp) -> Redeemed {
        let token = Token::read(text).filter(|token| token.request == key);
        let Some(token) = token else {
            state.violation(format!("{now}: a token that belongs to another request"));
            return Redeemed::Refused;
        };
        let age_ms = now.ms_since(token.given);
        if self.spec.token_ttl_ms.is_some_and(|ttl_ms| age_ms > ttl_ms) {
            state.faults.count("vendor_token_expired");
            return Redeemed::Refused;
        }
        if self.spec.single_use && !state.used.insert(token.nonce) {
            if self.spec.skips {
                state.faults.count("vendor_page_skipped");
                return Redeemed::Again(token.position);
            }
            state.faults.count("vendor_token_used_again");
            return Redeemed::Refused;
        }
        Redeemed::As(token.position)
    }

    fn is_gone(&self, ask: &Ask, now: Timestamp) -> bool {
        self.spec.retention.is_some_and(|it| {
            it.response == RetentionResponse::Refused && ask.to < now.minus_ms(it.kept_ms)
        })
    }

    fn is_too_much(&self, ask: &Ask, now: Timestamp) -> bool {
        let width_ms = ask.to.ms_since(ask.from);
        self.spec.span_records_max.is_some_and(|most| {
            width_ms > SPAN_MS_MIN.max(SPAN_UNITS_MIN * self.spec.unit_ms)
                && self.listing.count(&self.spec, ask, now) > most
        })
    }
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}
