//! With what values are masked: keys from a folder, where new ones may appear, and names from the settings.

use std::time::Duration;

use anyhow::Context;
use runtime::server::Shutdown;
use text::{Detector, Names};

use crate::config::MaskingConfig;
use crate::domain::keys::Keys;
use crate::domain::mask::Masking;

/// How often new keys are looked for.
const INTERVAL: Duration = Duration::from_secs(5);

/// Brings the masks of `keys` to the settings. Keys that are no more in the folder go on to open what they sealed until the
/// process ends.
pub(crate) fn load(keys: &Keys, config: &MaskingConfig) -> anyhow::Result<()> {
    let mut ring = keys.masking().ring.clone();
    vault::folder::load(&config.keys, &mut ring)?;
    let mut names = Names::default();
    names.names.extend(config.names.iter().cloned());
    names.titles.extend(config.titles.iter().cloned());
    names
        .chinese_titles
        .extend(config.chinese_titles.iter().cloned());
    names
        .introductions
        .extend(config.introductions.iter().cloned());
    keys.set_masking(Masking {
        ring,
        detector: Detector::new(&names).context("prepare the search for personal data")?,
        free_text: config.free_text,
    });
    Ok(())
}

/// Takes up new keys, until shutdown.
pub(crate) async fn watch(keys: Keys, config: MaskingConfig, shutdown: Shutdown) {
    while !shutdown.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = shutdown.cancelled() => return,
        }
        let present = keys.masking();
        let mut ring = present.ring.clone();
        match vault::folder::load(&config.keys, &mut ring) {
            Err(error) => tracing::warn!(%error, "cannot look for new masking keys"),
            Ok(_) if ring.active() != present.ring.active() => {
                tracing::info!(key = %ring.active(), "values are sealed under a new key");
                keys.set_masking(Masking {
                    ring,
                    detector: present.detector.clone(),
                    free_text: present.free_text,
                });
            }
            Ok(_) => {}
        }
    }
}
