//! The endpoint of requests: base URL and path with the parameters, each confined to its place.

use std::collections::BTreeMap;

use url::Url;

use crate::exchange::confidential_url;
use crate::manifest::Manifest;
use crate::manifest::text::{Part, Template};
use crate::settings::{CompileError, Settings, wrong};

/// The URL of every first request, without its query. Each parameter stays inside its host or path
/// segment.
pub(super) fn endpoint(
    manifest: &Manifest,
    settings: &Settings,
    params: &BTreeMap<String, String>,
) -> Result<Url, CompileError> {
    let base = if let Some(base_url) = &settings.base_url {
        base_url.clone()
    } else {
        for name in manifest.base_url.placeholders() {
            let value = params.get(name).map_or("", String::as_str);
            let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            if !value.bytes().all(is_host) {
                let problem =
                    format!("`{value}` must be a host name, without https:// and slashes");
                return Err(wrong(format!("params.{name}"), problem));
            }
        }
        let value = |name: &str| params.get(name).map(String::as_str);
        manifest
            .base_url
            .fill(value)
            .map_err(|name| wrong("base_url", name))?
    };
    let mut url = confidential_url(&base).map_err(|problem| wrong("base_url", problem))?;
    if settings.base_url.is_none() {
        check_host(manifest, &url)?;
    }
    let segments = path_segments(&manifest.request.path, params)?;
    let mut path = url
        .path_segments_mut()
        .map_err(|()| wrong("base_url", "must be a URL with a host"))?;
    path.pop_if_empty().extend(segments);
    drop(path);
    Ok(url)
}

/// The setting of the source that names the host of `endpoint`, for messages. A source may set its own
/// `base_url` instead of the one in its manifest.
pub(super) fn host_setting(manifest: &Manifest, settings: &Settings) -> String {
    let mut placeholders = manifest.base_url.placeholders();
    match placeholders.next().filter(|_| settings.base_url.is_none()) {
        Some(name) => format!("`params.{name}`"),
        None => "`base_url`".to_owned(),
    }
}

/// Fails on a host that results from a parameter and that the manifest does not list: a mistyped
/// domain would receive the credential. An explicit `base_url` is not checked.
fn check_host(manifest: &Manifest, url: &Url) -> Result<(), CompileError> {
    if manifest.hosts.is_empty() || manifest.hosts.iter().any(|rule| rule.allows(url)) {
        return Ok(());
    }
    let known: Vec<_> = manifest.hosts.iter().map(ToString::to_string).collect();
    let (host, known) = (url.host_str().unwrap_or_default(), known.join(", "));
    let field = match manifest.base_url.placeholders().next() {
        Some(name) => format!("params.{name}"),
        None => "base_url".to_owned(),
    };
    let problem = format!(
        "`{host}` is not among the connector's hosts, {known}; for your own domain, also set \
         `base_url: {}`",
        url.as_str().trim_end_matches('/')
    );
    Err(wrong(field, problem))
}

fn path_segments(
    path: &Template,
    params: &BTreeMap<String, String>,
) -> Result<Vec<String>, CompileError> {
    let mut segments = vec![String::new()];
    for part in path.parts() {
        match part {
            Part::Text(text) => {
                let mut pieces = text.split('/');
                if let (Some(last), Some(piece)) = (segments.last_mut(), pieces.next()) {
                    last.push_str(piece);
                }
                segments.extend(pieces.map(str::to_owned));
            }
            Part::Placeholder(name) => {
                let value = params.get(name).map_or("", String::as_str);
                if let Some(last) = segments.last_mut() {
                    last.push_str(value);
                }
            }
        }
    }
    // URL parsers resolve these two segments in any escaping.
    if segments
        .iter()
        .any(|segment| matches!(segment.as_str(), "." | ".."))
    {
        return Err(wrong(
            "params",
            "must not produce the path segment `.` or `..`",
        ));
    }
    if segments.first().is_some_and(String::is_empty) {
        segments.remove(0);
    }
    Ok(segments)
}
