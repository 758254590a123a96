"""Writes tests/golden/dataset: small prepared sets and the batches that a PyTorch loader
makes of them, for tests/test_tango_dataset.c:
    python3 tests/oracle/dataset.py [FOLDER]
numpy, torch, PIL and soundfile write the files and read them back; nothing of tango runs.

    audiocaps  power mels as .npy and as pictures, latents 8,T,16 as .npy, sounds
    wavcaps    log mels as pictures only, latents 8,16,T as .pt, no sounds
    folder     log mels and latents in forms that numpy and torch also write: Fortran order,
               (T, 64), float64, float16, a batch axis, a transposed view

Beside them expected/: SET_mel.npy (B, 64, T), SET_latent.npy (B, 8, T/4, 16), SET_audio.npy
(B, samples), each padded by pad_sequence; SET_lengths.npy; order.npy, shuffles of 11 clips
for seeds 0, 1, 2^64 - 1 and epochs 0, 1."""
import json
import pathlib
import sys

import numpy as np
import soundfile
import torch
from PIL import Image
from torch.nn.utils.rnn import pad_sequence

SCALES = {"tacotron": (float(np.log(1e-5)), 4.0), "torchaudio": (-100.0, 70.0)}
FOLDERS = {"wavcaps": ("captions", "mel_spectrograms", "latent_vectors", "original_wavs")}
OTHER = ("caption", "mel-spectrogram", "latent-vector", "original-audio")
CAPTIONS = ['a, quoted "one" \\ with a tab\t', "  spaces stay \n", "\u00e9\u732b \U0001f431 meow",
            "/* plain */", ""]
random = np.random.default_rng(13)


def picture(mel, kind):
    """16-bit grey, row 0 the highest band."""
    low, high = SCALES[kind]
    v = 10 * np.log10(np.maximum(mel.astype(np.float64), 1e-10)) if kind == "torchaudio" else mel
    q = np.clip(np.floor((v - low) / (high - low) * 65535 + 0.5), 0, 65535)
    return Image.fromarray(q.astype(np.uint16)[::-1].copy())


class Set:
    def __init__(self, top, layout, kind, order, splits):
        self.root, self.kind, self.splits = top / layout, kind, splits
        self.layout, self.order, self.items = layout, order, []
        self.folders = FOLDERS.get(layout, OTHER)
        for folder in self.folders:
            (self.root / folder).mkdir(parents=True, exist_ok=True)

    def path(self, which, name):
        return f"{self.folders[which]}/{name}"

    def clip(self, index, name, caption, frames, files):
        """files: member of the item -> path that was written below the root."""
        text = self.path(0, name + ".txt")
        (self.root / text).write_bytes(caption.encode())
        split = next(s for s, indices in self.splits.items() if index in indices)
        self.items.append({
            "index": index, "id": name, "split": split, "caption": caption, "frames": frames,
            "seconds": frames / 100, "caption_file": text, **files})

    def finish(self):
        low, high = SCALES[self.kind]
        head = {
            "format": "tango-dataset", "version": 1, "layout": self.layout,
            "total": self.items[-1]["index"] + 1,
            "parameters": {
                "sample_rate": 16000, "seconds": 0.12, "frames": 12, "n_fft": 1024,
                "hop_length": 160, "n_mels": 64, "mel": self.kind, "channels": "first",
                "latents": "pt" if self.layout == "wavcaps" else "npy",
                "latent_order": self.order, "posterior": "mean", "scale_factor": 1.0,
                "png_bits": 16, "png_low": low, "png_high": high},
            "split_indices": self.splits, "skipped": {"missing": 1}}
        lines = ",\n".join(json.dumps(item) for item in self.items)
        text = json.dumps(head)[:-1] + ', "items": [\n' + lines + "\n]}\n"
        (self.root / "dataset_info.json").write_text(text)
        for folder in self.folders:
            if not any((self.root / folder).iterdir()):
                (self.root / folder).rmdir()


def mels(kind, frames):
    low, high = SCALES[kind]
    v = random.uniform(low, high, (64, frames))
    return (10 ** (v / 10) if kind == "torchaudio" else v).astype(np.float32)


def latents(frames):
    return random.standard_normal((8, frames // 4, 16)).astype(np.float32)


def audiocaps(top):
    s = Set(top, "audiocaps", "torchaudio", "8,T,16",
            {"train": [0, 5], "val": [], "test": [2]})
    for index, frames, samples in ((0, 8, 90), (2, 4, 41), (5, 12, 64)):
        name = f"{index:06d}"
        mel, files = mels("torchaudio", frames), {
            "mel": s.path(1, name + ".npy"), "mel_image": s.path(1, name + ".png"),
            "latent": s.path(2, name + ".npy"), "audio": s.path(3, name + ".wav")}
        np.save(s.root / files["mel"], mel)
        picture(mel, "torchaudio").save(s.root / files["mel_image"])
        np.save(s.root / files["latent"], latents(frames))
        soundfile.write(s.root / files["audio"],
                        random.integers(-32768, 32768, samples).astype(np.int16), 16000,
                        subtype="PCM_16")
        s.clip(index, name, CAPTIONS[index % 5], frames, files)
    s.finish()
    return s


def wavcaps(top):
    s = Set(top, "wavcaps", "tacotron", "8,16,T", {"train": [0, 1], "val": [], "test": []})
    images = []
    for index, frames in ((0, 4), (1, 8)):
        name = ("Yab-_.c", "7")[index]
        mel, files = mels("tacotron", frames), {
            "mel_image": s.path(1, name + ".png"), "latent": s.path(2, name + ".pt"),
            "audio": s.path(3, name + ".flac")}
        picture(mel, "tacotron").save(s.root / files["mel_image"])
        torch.save(torch.from_numpy(latents(frames)).transpose(1, 2).contiguous(),
                   s.root / files["latent"])
        s.clip(index, name, CAPTIONS[index + 1], frames, files)
        images.append(mel)
    s.finish()
    return s, images


def folder(top):
    s = Set(top, "folder", "tacotron", "8,16,T", {"train": [0], "val": [1], "test": []})
    for index, frames in ((0, 8), (1, 4)):
        name = f"{index:06d}"
        files = {"mel": s.path(1, name + ".npy"),
                 "latent": s.path(2, name + (".npy", ".pt")[index])}
        mel, latent = mels("tacotron", frames), latents(frames).transpose(0, 2, 1)
        if index == 0:
            np.save(s.root / files["mel"], np.asfortranarray(mel))
            np.save(s.root / files["latent"], latent[None].astype(np.float16))
        else:
            np.save(s.root / files["mel"], mel.T.astype(np.float64) + 1e-9)
            torch.save(torch.from_numpy(np.ascontiguousarray(latent.transpose(2, 1, 0)))
                       .to(torch.bfloat16).permute(2, 1, 0), s.root / files["latent"])
        s.clip(index, name, CAPTIONS[index + 3], frames, files)
    s.finish()
    return s


class TangoDataset(torch.utils.data.Dataset):
    """What the tools' users load a set with."""

    def __init__(self, root):
        self.root = root
        self.info = json.loads((root / "dataset_info.json").read_text())
        self.frequency_first = self.info["parameters"]["latent_order"] == "8,16,T"

    def __len__(self):
        return len(self.info["items"])

    def __getitem__(self, i):
        item = self.info["items"][i]
        out = {"frames": item["frames"]}
        if "mel" in item:
            mel = np.load(self.root / item["mel"]).astype(np.float32)
            out["mel"] = torch.from_numpy(np.ascontiguousarray(
                mel if mel.shape[0] == 64 else mel.T))
        path = self.root / item["latent"]
        latent = (torch.load(path, weights_only=True) if path.suffix == ".pt"
                  else torch.from_numpy(np.load(path))).float()
        latent = latent.reshape((8, 16, -1) if self.frequency_first else (8, -1, 16))
        out["latent"] = latent.transpose(1, 2) if self.frequency_first else latent
        if (self.root / item.get("audio", "none")).is_file():
            out["audio"] = torch.from_numpy(
                soundfile.read(self.root / item["audio"], dtype="float32")[0])
        return out


def collate(clips):
    """Padded with zeros at the end of time."""
    out = {"lengths": torch.tensor([c["frames"] for c in clips], dtype=torch.int32)}
    if "mel" in clips[0]:
        out["mel"] = pad_sequence([c["mel"].T for c in clips], batch_first=True).transpose(1, 2)
    out["latent"] = pad_sequence([c["latent"].transpose(0, 1) for c in clips],
                                 batch_first=True).transpose(1, 2)
    if "audio" in clips[0]:
        out["audio"] = pad_sequence([c["audio"] for c in clips], batch_first=True)
    return out


def shuffled(count, seed, epoch):
    """Fisher-Yates from the end, numbers of SplitMix64 without the incomplete run."""
    state = seed

    def draw():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    state = draw() ^ epoch
    state = draw()
    order = list(range(count))
    for i in range(count, 1, -1):
        limit = 2**64 - 1 - (2**64 - 1) % i
        n = draw()
        while n >= limit:
            n = draw()
        order[i - 1], order[n % i] = order[n % i], order[i - 1]
    return order


def main():
    top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                       pathlib.Path(__file__).parent.parent / "golden" / "dataset")
    expected = top / "expected"
    expected.mkdir(parents=True, exist_ok=True)
    first = audiocaps(top)
    second, images = wavcaps(top)
    for s in (first, second, folder(top)):
        data = TangoDataset(s.root)
        batch = collate([data[i] for i in range(len(data))])
        if s is second:     # before they became pictures
            batch["mel"] = pad_sequence([torch.from_numpy(m.T) for m in images],
                                        batch_first=True).transpose(1, 2)
        for name, value in batch.items():
            np.save(expected / f"{s.layout}_{name}.npy", np.ascontiguousarray(value.numpy()))
    np.save(expected / "order.npy", np.array(
        [[shuffled(11, seed, epoch) for epoch in (0, 1)] for seed in (0, 1, 2**64 - 1)],
        dtype=np.int32))


main()
