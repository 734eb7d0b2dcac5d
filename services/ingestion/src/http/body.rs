//! Reads bodies: within their time, within their size, and never far beyond it when they are unpacked.

use std::io::Read;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use futures::StreamExt;

use super::answer::Answer;
use crate::config::HttpConfig;

/// Bytes that may be unpacked whatever the ratio, for small texts pack well.
const UNPACKED_FREE: usize = 64 << 10;

/// Reads a body and unpacks it.
pub(super) async fn read(
    config: &HttpConfig,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Answer> {
    let most = config.body_bytes_max;
    let packed = match headers
        .get(header::CONTENT_ENCODING)
        .map(|it| it.as_bytes())
    {
        None | Some(b"" | b"identity") => false,
        Some(b"gzip" | b"x-gzip") => true,
        Some(_) => return Err(Answer::unknown_packing()),
    };
    let body = match tokio::time::timeout(config.body_timeout, collect(body, most)).await {
        Ok(body) => body?,
        Err(_) => return Err(Answer::too_slow()),
    };
    match packed {
        false => Ok(body.into()),
        true => unpack(&body, most, config.unpacked_ratio_max),
    }
}

async fn collect(body: Body, most: usize) -> Result<Vec<u8>, Answer> {
    let mut pieces = body.into_data_stream();
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Answer::malformed("", "the body broke off"))?;
        if all.len() + piece.len() > most {
            return Err(Answer::too_large(most));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

fn unpack(body: &[u8], most: usize, ratio: usize) -> Result<Bytes, Answer> {
    let by_ratio = body.len().saturating_mul(ratio).max(UNPACKED_FREE);
    let most = most.min(by_ratio);
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(body).take(most as u64 + 1);
    if reader.read_to_end(&mut unpacked).is_err() {
        return Err(Answer::malformed("", "the body is no gzip"));
    }
    match unpacked.len() > most {
        true => Err(Answer::too_large(most)),
        false => Ok(unpacked.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn unpacks_no_more_than_may_be() {
        let plain = vec![b'x'; 300_000];
        assert_eq!(unpack(&packed(&plain), 1 << 20, 1_000).unwrap(), plain);
        assert!(unpack(&packed(&plain), 100_000, 1_000).is_err());
        assert!(unpack(&packed(&vec![0; 10 << 20]), 100 << 20, 100).is_err());
        assert!(unpack(b"nothing packed", 1 << 20, 100).is_err());
    }
}
