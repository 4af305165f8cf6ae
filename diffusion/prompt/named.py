"""What prompts name besides words: the networks of their tags, and embeddings. Finds their files; imports no torch."""

import logging
import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from pathlib import Path

from safetensors import SafetensorError, safe_open

from core.checksum import checksum
from core.errors import WeightsError
from core.hashing import fingerprint
from core.weights import EMBEDDING, HYPERNETWORK, LORA, ModelKind, listed, missing, on_this_machine
from diffusion.models.files import lora_files
from diffusion.prompt.language import ExtraNetwork, extracted, networks_in, without_comments
from diffusion.request import PromptMix

log = logging.getLogger(__name__)

KINDS: dict[str, ModelKind] = {"lora": LORA, "lyco": LORA, "hypernet": HYPERNETWORK}
NO_ALIASES = frozenset({"none", "addams"})  # what training tools write where the user gave no name
PREVIEW = ".preview"  # pictures beside a file that show what it does
KEPT_IDENTITIES = 1024
FORMULA = re.compile(r"`[^`]*`")


def wanted(mix: PromptMix) -> tuple[ExtraNetwork, ...]:
    """The networks that the prompts of a mix ask for, each once.

    A network has its weight times the share of its prompt, so that it comes and goes smoothly between two prompts;
    named more than once, its weights add up. Those whose weights are zero are left out.

    Raises:
        UserError: for a tag that is wrong.
    """
    sums: dict[tuple[str, str, int | None], tuple[float, float]] = {}
    for text, share in mix:
        for network in networks_in(without_comments(text)) if share else ():
            kind = "lora" if network.kind == "lyco" else network.kind
            te, unet = sums.get((kind, network.name, network.rank), (0.0, 0.0))
            sums[kind, network.name, network.rank] = te + share * network.te, unet + share * network.unet
    return tuple(
        ExtraNetwork(kind, name, te, unet, rank) for (kind, name, rank), (te, unet) in sums.items() if te or unet
    )


def untagged(mix: PromptMix) -> PromptMix:
    """The same words without their tags."""
    return tuple((extracted(text)[0], share) for text, share in mix)


def tags(text: str) -> tuple[tuple[str, str], ...]:
    """Kind and name of each network a prompt names, whatever formulas in back-quotes give.

    Raises:
        UserError: for a tag that is wrong.
    """
    return tuple((network.kind, network.name) for network in networks_in(without_comments(FORMULA.sub("1", text))))


class NamedFiles:
    """One look at the models folders: what is found, and checksums, are remembered; what is not is looked for again."""

    def __init__(self) -> None:
        """Looks at nothing yet."""
        self.network = lru_cache(maxsize=None)(network_file)
        self._checksum = lru_cache(maxsize=None)(lambda path: checksum(lora_files(path)))
        self._identity_of = lru_cache(maxsize=KEPT_IDENTITIES)(self._identity)

    @cached_property
    def embeddings(self) -> dict[str, Path]:
        """Embedding files by the word that calls them. Of two with one name the better format counts."""
        files = sorted(listed(EMBEDDING), key=lambda file: _rank(file.path), reverse=True)
        return {file.stem: file.path for file in files if not file.stem.lower().endswith(PREVIEW)}

    def identity(self, mix: PromptMix, negative: str) -> str:
        """Changes when a file does that a picture's words name; empty if they name none.

        Names that are not there do not matter here; they are told when the picture is to be made.

        Raises:
            UserError: for a tag that is wrong.
        """
        texts = [text for text, share in mix if share]
        networks = {tag for text in texts if "<" in text for tag in tags(text)}
        words = self.words(" ".join((*texts, negative))) if self.embeddings else ()
        return self._identity_of(frozenset(networks), frozenset(words)) if networks or words else ""

    def words(self, text: str) -> tuple[str, ...]:
        """The embeddings whose names stand in a text."""
        written = squeezed(text)
        return tuple(name for name, short in self._squeezed if short in written)

    @cached_property
    def _squeezed(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, squeezed(name)) for name in self.embeddings)

    def _identity(self, networks: Iterable[tuple[str, str]], words: Iterable[str]) -> str:
        paths = [self.embeddings[word] for word in words]
        for kind, name in networks:
            try:
                paths.append(self.network(kind, name))
            except WeightsError:
                log.debug("no %s %r", kind, name)
        return fingerprint(*sorted(self._checksum(path) for path in paths))


def network_file(kind: str, name: str) -> Path:
    """The file of a network by the name in a tag: its file name, else the name it was trained under.

    Args:
        kind: "lora", "lyco" or "hypernet".
        name: without folder and ending, or with them.

    Raises:
        WeightsError: if there is none, with the nearest name.
    """
    found = on_this_machine(KINDS[kind], name, may_be_path=False)
    if found is None and KINDS[kind] is LORA and name.lower() not in NO_ALIASES:
        trained_so = [file.path for file in listed(LORA) if _trained_name(file.path) == name]
        found = trained_so[0] if len(trained_so) == 1 else None
    if found is None:
        raise missing(KINDS[kind], name)
    return found


def squeezed(text: str) -> str:
    """The text as tokenizers compare it: lower case, without white space."""
    return "".join(text.lower().split())


def _trained_name(path: Path) -> str:
    """The name that kohya's tools wrote into a LoRA's header; empty if there is none."""
    if path.suffix.lower() != ".safetensors":
        return ""
    try:
        with safe_open(path, framework="np") as file:
            return str((file.metadata() or {}).get("ss_output_name", ""))
    except (SafetensorError, OSError):
        return ""


def _rank(path: Path) -> tuple[int, str]:
    return EMBEDDING.endings.index(path.suffix.lower()), str(path)
