//! `windlass connectors`: what can be pulled, and what each needs.

use serde_json::json;
use windlass_connectors::manifest::Manifest;
use windlass_connectors::registry::{self, RegistryError};

use crate::exit_code::{ExitCode, UsageError};
use crate::output::{Output, lines, table};

/// Lists the built-in connectors, or describes one.
pub(crate) fn connectors(name: Option<&str>, output: Output) -> anyhow::Result<ExitCode> {
    match name {
        Some(name) => describe(&find(name)?, output)?,
        None => list(output)?,
    }
    Ok(ExitCode::Success)
}

fn find(name: &str) -> anyhow::Result<Manifest> {
    registry::find(name).map_err(|error| match error {
        RegistryError::Invalid(error) => error.into(),
        other => UsageError(other.to_string()).into(),
    })
}

fn list(output: Output) -> anyhow::Result<()> {
    let manifests: Vec<Manifest> = registry::names().map(find).collect::<Result<_, _>>()?;
    let json = manifests
        .iter()
        .map(|manifest| json!({ "connector": manifest.connector, "title": manifest.title }))
        .collect();
    output.result(&json, || {
        let mut table = table(["connector", "pulls"]);
        for manifest in &manifests {
            table.add_row([manifest.connector.as_str(), manifest.title.as_str()]);
        }
        lines(&table)
    })
}

fn describe(manifest: &Manifest, output: Output) -> anyhow::Result<()> {
    let auth = auth_word(manifest);
    let params: Vec<_> = manifest
        .params
        .iter()
        .map(|(name, param)| {
            json!({
                "name": name,
                "about": param.about,
                "default": param.default,
                "values": param.values,
            })
        })
        .collect();
    let json = json!({
        "connector": manifest.connector,
        "title": manifest.title,
        "docs": manifest.docs,
        "secret": auth,
        "params": params,
    });
    output.result(&json, || {
        let mut text = format!(
            "{}: {}\n{}\nsecret: {auth}\n",
            manifest.connector, manifest.title, manifest.docs
        );
        for (name, param) in &manifest.params {
            let default = match &param.default {
                Some(default) => format!(" (default {default})"),
                None => " (needed)".to_owned(),
            };
            text.push_str(&format!("param {name}{default}: {}\n", param.about));
        }
        text
    })
}

fn auth_word(manifest: &Manifest) -> String {
    use windlass_connectors::manifest::auth::AuthKind;
    let kind = match manifest.auth.kind {
        AuthKind::None => return "none".to_owned(),
        AuthKind::Header => "a header value",
        AuthKind::Bearer => "a bearer token",
        AuthKind::Basic => "user:password",
        AuthKind::ClientCredentials => "JSON with client_id and client_secret",
        AuthKind::JwtBearer => "a service account key, as JSON",
    };
    if manifest.auth.optional {
        format!("{kind}, optional")
    } else {
        kind.to_owned()
    }
}
