//! A vendor that tries to redirect the credentials: no other host is ever contacted, and the source
//! is blocked until an operator acts.

use std::net::SocketAddr;

use anyhow::ensure;
use windlass_tests::trap::Trap;
use windlass_tests::vendor::{Quirk, Shape};
use windlass_tests::windlass::{Project, Pull, exit};

use crate::scene::Scene;

/// Pulls from an Okta-shaped vendor with the quirk that `lure` creates from its own and a trap's
/// address.
async fn resist(lure: impl Fn(SocketAddr, SocketAddr) -> Quirk) -> anyhow::Result<()> {
    let trap = Trap::start().await?;
    let vendor = Scene::new(Shape::Okta, 1, 3).start().await;
    vendor.set_quirk(lure(vendor.address(), trap.address()));
    let project = Project::new(Pull::of(&vendor))?;
    // The vendor's text is shown in another form, so the check is for the trap's visitors.
    project
        .run(&[])
        .await?
        .expect_failure(exit::BLOCKED, &["blocked"])?;
    ensure!(
        trap.visits().is_empty(),
        "somebody came: {:?}",
        trap.visits()
    );
    ensure!(vendor.log().refused().count() == 0, "{:?}", vendor.log());
    let status = project.status().await?;
    ensure!(
        status.state == "blocked" && status.problem.is_some(),
        "{status:?}"
    );
    ensure!(
        status.complete_through == vendor.timeline().span().from(),
        "{status:?}"
    );
    project.check_secrets()
}

#[tokio::test]
async fn next_link_to_another_port_is_rejected() -> anyhow::Result<()> {
    resist(|_, trap| Quirk::ForeignNext(format!("http://{trap}"))).await
}

#[tokio::test]
async fn next_link_to_alias_host_is_rejected() -> anyhow::Result<()> {
    resist(|own, _| Quirk::ForeignNext(format!("http://localhost:{}", own.port()))).await
}

#[tokio::test]
async fn next_link_with_vendor_as_user_is_rejected() -> anyhow::Result<()> {
    resist(|own, trap| Quirk::ForeignNext(format!("http://{own}@{trap}"))).await
}

#[tokio::test]
async fn next_link_with_user_name_is_rejected() -> anyhow::Result<()> {
    resist(|own, _| Quirk::ForeignNext(format!("http://user:word@{own}"))).await
}

#[tokio::test]
async fn next_link_with_another_scheme_is_rejected() -> anyhow::Result<()> {
    resist(|_, trap| Quirk::ForeignNext(format!("https://{trap}"))).await?;
    resist(|own, _| Quirk::ForeignNext(format!("https://{own}"))).await
}

#[tokio::test]
async fn redirect_is_not_followed() -> anyhow::Result<()> {
    resist(|_, trap| Quirk::Redirect(format!("http://{trap}/api/v1/logs"))).await?;
    resist(|own, _| Quirk::Redirect(format!("http://{own}/api/v1/logs"))).await
}
