use api::ingestion::Source;
use api::ingestion::source::Kind;
use runtime::fault::Violations;

/// Names of the fields that can change.
const FIELDS: &[&str] = &[
    "display_name",
    "contract_yaml",
    "push",
    "file",
    "sql",
    "http",
    "schedule",
    "freshness_target",
    "limits",
    "paused",
];

/// What is to change of a source.
pub(crate) struct Changes {
    wanted: Source,
    paths: Vec<String>,
}

impl Changes {
    /// Reads which fields of `wanted` shall be taken over.
    pub(crate) fn read(found: &mut Violations, wanted: Source, mut paths: Vec<String>) -> Self {
        found.require(
            !paths.is_empty(),
            "update_mask",
            "REQUIRED",
            "must name the fields to change",
        );
        paths.sort_unstable();
        paths.dedup();
        for path in &paths {
            if !FIELDS.contains(&path.as_str()) {
                let name: String = path.chars().take(64).collect();
                found.push(
                    "update_mask",
                    "UNKNOWN_FIELD",
                    format!("`{name}` cannot be changed"),
                );
            } else if let Some(kind) = kind_named(path)
                && !kind(wanted.kind.as_ref())
            {
                let field = format!("source.{path}");
                found.push(field, "REQUIRED", "must be set, it is to be changed");
            }
        }
        Self { wanted, paths }
    }

    /// Tells whether the etag that the caller saw, if any, is the present one.
    pub(crate) fn fits(&self, etag: &str) -> bool {
        self.wanted.etag.is_empty() || self.wanted.etag == etag
    }

    /// Takes the fields over.
    pub(crate) fn apply(&self, source: &mut Source) {
        let wanted = self.wanted.clone();
        for path in &self.paths {
            match path.as_str() {
                "display_name" => source.display_name = wanted.display_name.clone(),
                "contract_yaml" => source.contract_yaml = wanted.contract_yaml.clone(),
                "schedule" => source.schedule = wanted.schedule.clone(),
                "freshness_target" => source.freshness_target = wanted.freshness_target,
                "limits" => source.limits = wanted.limits,
                "paused" => source.paused = wanted.paused,
                _ => source.kind = wanted.kind.clone(),
            }
        }
    }

    /// Tells whether how far pulls have come means nothing any more.
    pub(crate) fn moves_position(&self, before: &Source, after: &Source) -> bool {
        match (&before.kind, &after.kind) {
            (Some(Kind::Push(_)), Some(Kind::Push(_))) => false,
            (Some(Kind::Sql(a)), Some(Kind::Sql(b))) => {
                (&a.connection, &a.table, &a.watermark_column, &a.key_column)
                    != (&b.connection, &b.table, &b.watermark_column, &b.key_column)
            }
            (Some(Kind::Http(a)), Some(Kind::Http(b))) => {
                (&a.url, &a.records_path, &a.paging) != (&b.url, &b.records_path, &b.paging)
            }
            (Some(Kind::File(a)), Some(Kind::File(b))) => a.url != b.url,
            _ => true,
        }
    }

    /// Returns bytes that are equal for equal changes.
    pub(crate) fn digest(&self) -> Vec<u8> {
        let mut bytes = self.paths.join(",").into_bytes();
        bytes.push(0);
        bytes.extend(super::registry::identity(&self.wanted));
        bytes
    }
}

fn kind_named(path: &str) -> Option<fn(Option<&Kind>) -> bool> {
    match path {
        "push" => Some(|kind| matches!(kind, Some(Kind::Push(_)))),
        "file" => Some(|kind| matches!(kind, Some(Kind::File(_)))),
        "sql" => Some(|kind| matches!(kind, Some(Kind::Sql(_)))),
        "http" => Some(|kind| matches!(kind, Some(Kind::Http(_)))),
        _ => None,
    }
}
