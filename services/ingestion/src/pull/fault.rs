use std::time::Duration;

/// Why nothing could be pulled. Its sentence is shown to the source's owner and holds no secret and no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PullFault {
    /// It may work later.
    #[error("{problem}")]
    Away {
        /// What happened.
        problem: String,
        /// How long to wait, where the other side says so.
        wait: Option<Duration>,
    },
    /// It will not work until somebody changes something.
    #[error("{0}")]
    Wrong(String),
}

impl PullFault {
    /// Says what keeps the other side from answering now.
    pub(crate) fn away(problem: impl Into<String>) -> Self {
        Self::Away {
            problem: problem.into(),
            wait: None,
        }
    }

    /// Says what is wrong for good.
    pub(crate) fn wrong(problem: impl Into<String>) -> Self {
        Self::Wrong(problem.into())
    }
}
