#!/usr/bin/env bash
# Trains the embedded model and what belongs to it, but for its depth model, on one GPU:
# training/all.sh FOLDER MINUTES [DEVICE] [PAINTERS]
#
# MINUTES are those of each of two rounds: UNet, decoder and interpolator first, while the rest is being painted; then,
# side by side, what steers, moves and quickens that UNet. A second call goes on where the first stopped, with what is
# painted and trained. Results lie in FOLDER/model and FOLDER/{canny,depth,temporal,motion}; logs beside the runs.
set -euo pipefail
folder=$1 minutes=$2 device=${3:-cuda} painters=${4:-$(nproc)}
python=${PYTHON:-python}
pictures=${PICTURES:-64} examples=${EXAMPLES:-2048} clips=${CLIPS:-756} scenes=${SCENES:-1500} portraits=${PORTRAITS:-900} batch=${BATCH:-64}
export OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
mkdir -p "$folder"

mini() { "$python" -m training.mini "$@"; }
paint() { nice -n 15 "$python" -m training.mini "$@" --processes "$painters"; }
logged() { local name=$1; shift; "$@" >>"$folder/$name.log" 2>&1 || { echo "$name failed: $folder/$name.log" >&2; return 1; }; }

paint_the_rest() {
  for kind in canny depth temporal; do paint control-data $kind "$folder/examples" --pictures $((examples + 16)); done
  paint motion-data "$folder/clips" --count "$clips" --layouts 6
  mini motion-data "$folder/clips/held-out" --count 4
}

# Before anything long: whatever is missing on this machine shows here, not after the painting.
"$python" -c "import torch, training.film, training.mini.__main__; torch.zeros(1, device='$device')"

echo "painting the first pictures"
logged first-pictures paint data "$folder/latents" --layouts 6 --count $(((pictures + 3) / 4))
(logged more-pictures paint data "$folder/latents" --layouts 6 --count "$pictures"; logged painting paint_the_rest) &
painting=$!

echo "round one: UNet, decoder, interpolator"
logged unet mini unet "$folder/latents" --run "$folder/unet" --minutes "$minutes" --processes 1 --batch $((4 * batch)) \
  --no-sheets --device "$device" &
unet=$!
logged vae mini vae --run "$folder/vae" --minutes "$minutes" --batch 16 --pictures "$portraits" --device "$device" &
vae=$!
logged film "$python" -m training.film --run "$folder/film" --minutes "$minutes" --count "$scenes" --batch 16 \
  --device "$device" --processes 4 &
film=$!
wait $unet
rm -rf "$folder/model" && cp -r models/mini "$folder/model"
logged unet mini export "$folder/model" --run "$folder/unet"
wait $vae && cp "$folder/vae/vae.safetensors" "$folder/model/vae/diffusion_pytorch_model.safetensors"
wait $film && cp "$folder/film/model.safetensors" "$folder/model/film/model.safetensors"
wait $painting

echo "round two: control networks, motion module, few steps"
waiting=()
for kind in canny depth temporal; do
  logged $kind mini controlnet $kind "$folder/examples" --run "$folder/run-$kind" --minutes "$minutes" \
    --model "$folder/model" --pictures "$examples" --batch "$batch" --device "$device" &
  waiting+=($!)
done
logged motion mini motion "$folder/clips" --run "$folder/run-motion" --minutes "$minutes" --model "$folder/model" \
  --count "$clips" --layouts 6 --batch $(((batch + 3) / 4)) --no-sheets --device "$device" &
waiting+=($!)
logged few-steps mini few-steps "$folder/latents" --run "$folder/few-steps" --minutes "$minutes" --processes 1 \
  --model "$folder/model" --batch $((4 * batch)) --no-sheets --device "$device" &
waiting+=($!)
wait "${waiting[@]}"
for kind in canny depth temporal; do cp -r "$folder/run-$kind/$kind" "$folder/"; done
cp -r "$folder/run-motion/motion" "$folder/"
logged few-steps mini export-few-steps "$folder/few-steps.safetensors" --run "$folder/few-steps" --model "$folder/model" \
  --rank 16
tail -n 1 "$folder"/*/log.txt
