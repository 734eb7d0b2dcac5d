//! Named points at which a test can stop the process, as a power cut would.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Exit code of a process that stopped at a point.
pub const EXIT_CODE: i32 = 134;

static POINTS: LazyLock<Points> = LazyLock::new(Points::from_environment);

struct Points {
    /// Name and count at which to stop.
    stop_at: Option<(String, u64)>,
    /// Where each hit is recorded.
    log: Option<Mutex<std::fs::File>>,
    hits: Mutex<HashMap<&'static str, u64>>,
}

/// Marks a point of the program.
///
/// Costs next to nothing unless `CLIENTELE_CRASH_AT` (`name:count`, the process exits at once at that hit, running no
/// destructor and flushing nothing) or `CLIENTELE_CRASH_LOG` (a file to which each hit adds one line) is set.
pub fn point(name: &'static str) {
    let points = &*POINTS;
    if points.stop_at.is_none() && points.log.is_none() {
        return;
    }
    points.hit(name);
}

impl Points {
    fn from_environment() -> Self {
        let stop_at = std::env::var("CLIENTELE_CRASH_AT")
            .ok()
            .and_then(|text| parse(&text));
        let log = std::env::var_os("CLIENTELE_CRASH_LOG")
            .and_then(|path| OpenOptions::new().create(true).append(true).open(path).ok())
            .map(Mutex::new);
        Self {
            stop_at,
            log,
            hits: Mutex::new(HashMap::new()),
        }
    }

    fn hit(&self, name: &'static str) {
        if let Some(log) = &self.log {
            let mut file = log.lock().unwrap_or_else(PoisonError::into_inner);
            // One write, so that lines of several processes do not mix.
            let _ = file.write_all(format!("{name}\n").as_bytes());
        }
        let count = {
            let mut hits = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
            let count = hits.entry(name).or_insert(0);
            *count += 1;
            *count
        };
        if self
            .stop_at
            .as_ref()
            .is_some_and(|(stop, at)| stop == name && *at == count)
        {
            stop();
        }
    }
}

/// Ends the process without destructors, at once: what is not durable yet must be lost.
fn stop() -> ! {
    std::process::exit(EXIT_CODE)
}

/// Reads `name:count`; a bare name means the first hit.
fn parse(text: &str) -> Option<(String, u64)> {
    match text.rsplit_once(':') {
        Some((name, count)) => Some((name.to_owned(), count.parse().ok()?)),
        None if text.is_empty() => None,
        None => Some((text.to_owned(), 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_name_and_count() {
        assert_eq!(parse("claimed:3"), Some(("claimed".into(), 3)));
        assert_eq!(parse("claimed"), Some(("claimed".into(), 1)));
        assert_eq!(parse("claimed:x"), None);
        assert_eq!(parse(""), None);
    }
}
