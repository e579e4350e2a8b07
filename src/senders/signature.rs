//! SHA-256 of what is sent: to recognise it, and to sign it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::model::Secret;

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(text: &[u8]) -> String {
    hexadecimal(&Sha256::digest(text))
}

/// HMAC-SHA-256 in hexadecimal digits (RFC 2104).
pub(super) fn signature(key: &Secret, body: &[u8]) -> Result<String, String> {
    let mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
    let mut mac = mac.map_err(|error| format!("this key cannot sign: {error}"))?;
    mac.update(body);
    Ok(hexadecimal(&mac.finalize().into_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_standard_does() {
        let key = Secret::new("Jefe".to_owned());
        let signed = signature(&key, b"what do ya want for nothing?").expect("a key of any length");
        assert_eq!(signed, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "RFC 4231, case 2");
    }
}
