// Writes a cpio archive in the "newc" form, which is what the kernel takes as an initramfs.

const types = { file: 0o100000, folder: 0o040000, link: 0o120000 }

const pad = (length) => Buffer.alloc((4 - (length % 4)) % 4)

function entry(number, { name, type, mode = 0o755, data = Buffer.alloc(0) }) {
  const path = Buffer.from(`${name}\0`)
  // inode, mode, uid, gid, links, mtime, size, dev (2), rdev (2), length of the name, checksum
  const fields = [number, types[type] | mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, path.length, 0]
  const numbers = fields.map((value) => value.toString(16).padStart(8, '0')).join('')
  const head = Buffer.concat([Buffer.from(`070701${numbers}`), path])
  return Buffer.concat([head, pad(head.length), data, pad(data.length)])
}

/** entries: { name, type: 'file' | 'folder' | 'link', mode?, data? } in order, folders first. */
export function cpio(entries) {
  const trailer = { name: 'TRAILER!!!', type: 'file', mode: 0 }
  return Buffer.concat([...entries, trailer].map((one, index) => entry(index + 1, one)))
}
