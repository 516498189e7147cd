//! The billed units of the table: writes by window and page, reads by tick.

use anyhow::ensure;
use windlass_tests::aws::deployment::{Deployment, Setup};
use windlass_tests::aws::state_proxy::Units;

use crate::vendors::Stock;

const TICKS_MAX: usize = 100;
/// The table's own item, read once per tick regardless of the number of sources.
const FIXED_READ_UNITS: f64 = 0.5;
/// The setting that disables sweeps.
const NO_SWEEPS: &str = "sweeps: []";
/// A sweep that is not due during these tests.
const SWEEPS: &str = "sweeps: [168h]";

/// Pulls `windows` windows of `pages` pages, one after another as at the live edge, and returns the
/// billed units since the source was applied. `more` is added to the configuration.
async fn billed(
    name: &str,
    windows: usize,
    pages: usize,
    more: &str,
) -> anyhow::Result<(Deployment, Units)> {
    let vendor = Stock::google(windows, pages, 50).start().await;
    let deployment = Deployment::new(name, vendor, Setup::default()).await?;
    let settings = format!("max_open_windows: 1\n    {more}");
    deployment.reconfigure("max_in_flight: 8", &settings)?;
    deployment.apply().await?;
    deployment.proxy.take_consumed();
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(0).await?;
    // The tick that moves the mark over the last window.
    deployment.tick().await?.expect_success()?;
    let units = deployment.proxy.take_consumed();
    Ok((deployment, units))
}

fn count(number: usize) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(number)?))
}

#[tokio::test]
async fn quiet_window_costs_four_write_units() -> anyhow::Result<()> {
    for pages in [1, 5] {
        let (deployment, units) = billed(&format!("units-{pages}"), 6, pages, NO_SWEEPS).await?;
        let rows = deployment.table.windows().await?;
        let further: u64 = rows.iter().map(|row| row.page.saturating_sub(1)).sum();
        // Create, claim and complete, and one progress write per tick. One more begins the
        // timeline, one moves the mark over the last window, and one stores the vendor clock for
        // some hours.
        let allowed = 4.0 * count(rows.len())? + count(usize::try_from(further)?)? + 3.0;
        println!("{} windows, {further} further pages: {units:?}", rows.len());
        ensure!(
            units.write <= allowed,
            "{units:?}, {allowed} allowed for {rows:#?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn swept_page_costs_one_more_unit() -> anyhow::Result<()> {
    let (deployment, units) = billed("units-swept", 6, 5, SWEEPS).await?;
    let rows = deployment.table.windows().await?;
    let pages: u64 = rows.iter().map(|row| row.page).sum();
    let seen = deployment.table.items("seen#").await?;
    ensure!(!seen.is_empty(), "nothing is remembered");
    // As without sweeps, plus one for each page with records, and one for the marks of the sweep's
    // lane.
    let plain = 3.0 * count(rows.len())? + count(usize::try_from(pages)?)? + 3.0;
    let allowed = plain + count(seen.len())? + 1.0;
    println!("{} windows, {pages} pages: {units:?}", rows.len());
    ensure!(
        units.write <= allowed,
        "{units:?}, {allowed} allowed for {rows:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn idle_source_tick_costs_one_read_unit() -> anyhow::Result<()> {
    let (deployment, _) = billed("idle", 1, 1, NO_SWEEPS).await?;
    deployment.tick().await?.expect_success()?;
    let calls = deployment.proxy.consumed();
    let units = deployment.proxy.take_consumed();
    println!("an idle tick: {units:?}");
    ensure!(units.write == 0.0, "{calls:#?}");
    ensure!(units.read - FIXED_READ_UNITS <= 1.0, "{calls:#?}");
    Ok(())
}
