// The imaging step of docs/bundle.md for grey pictures on even paper.
#pragma once

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

// Any picture of one digit -> light ink on black, of one size, centred.
//
// picture: CV_8UC1 or CV_8UC3, any order of channels; size: side of the output in pixels;
// rules: `input.normalisation` of bundle.json. Answers CV_8UC1 (size, size), all zero without
// ink, and an empty matrix where the paper is coloured, unevenly lit or noisy: that part of the
// imaging step (indicdigits.imaging.paper) is left out here.
cv::Mat prepare(cv::Mat picture, int size, const nlohmann::json &rules);
