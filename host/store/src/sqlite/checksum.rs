//! The checksums that tell whether what was read is what was written.

/// Returns the checksum of an event as the database holds it.
///
/// CRC-32 finds every damage of up to 32 bits in a row and all but one in four thousand million of the others; it is there
/// against disks, not against people.
pub(crate) fn of_event(sequence: u64, at: i64, encoding: u32, data: &[u8]) -> u32 {
    let mut place = [0; 20];
    place[..8].copy_from_slice(&sequence.to_le_bytes());
    place[8..16].copy_from_slice(&at.to_le_bytes());
    place[16..].copy_from_slice(&encoding.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place);
    hasher.update(data);
    hasher.finalize()
}

/// Returns the checksum of a snapshot as the database holds it.
pub(crate) fn of_snapshot(version: u64, encoding: u32, data: &[u8]) -> u32 {
    of_event(version, 0, encoding, data)
}
